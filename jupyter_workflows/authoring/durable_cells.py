"""The run behind the durable cells of a notebook: each cell is a step that the kernel itself carries out.

The workflow decides and remembers, the kernel executes: `begin` schedules a step and gives its id, a worker hands the
step over at once, and the kernel completes it by that id when the cell has run. A kernel that dies leaves an open step,
which times out without its signs of life; nothing of the cell is recorded then, and it runs again.
"""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import timedelta
from typing import Any

import temporalio.activity
import temporalio.common
import temporalio.exceptions
import temporalio.workflow
from temporalio.api.common.v1 import Payloads
from temporalio.common import RawValue

from ..schema.durable import CellRun, DurableCellsStart, KernelIdentity

WORKFLOW = "durable_cells"
STEP = "durable cell"
BEGIN = "jupyter_workflows.begin_cell"
FORGET = "jupyter_workflows.forget_cells"
END = "jupyter_workflows.end_cells"
TAKEN_OVER = "TakenOver"
# A kernel that gives no sign for so long is taken for dead; a suspended laptop comes back later and records anew.
SIGNS_OF_LIFE = timedelta(seconds=30)
LONGEST_CELL = timedelta(days=365)
NAME = re.compile(r"[\w.-]{1,60}")


@temporalio.activity.defn(name=STEP)
async def hand_over(cell: CellRun) -> None:
    """Leaves the step to the kernel, which completes it by its id."""
    del cell
    temporalio.activity.raise_complete_async()


@temporalio.workflow.defn(name=WORKFLOW, failure_exception_types=[Exception])
class DurableCells:
    """A notebook's run: it lasts as long as the notebook, one step for each cell that really runs."""

    @temporalio.workflow.init
    def __init__(self, start: DurableCellsStart) -> None:
        self.kernel: KernelIdentity | None = start.kernel
        self.count = start.count
        self.records: dict[str, Any] = {}
        for payload in Payloads.FromString(base64.b64decode(start.records)).payloads:
            self.records[payload.metadata["cell"].decode()] = payload
        self.open: dict[str, asyncio.Task[None]] = {}
        self.ended = False

    @temporalio.workflow.run
    async def run(self, start: DurableCellsStart) -> int:
        """Goes on until the notebook's record is ended; gives how many cells were begun."""
        del start
        await temporalio.workflow.wait_condition(lambda: self.ended or self.is_long())
        if not self.ended:
            temporalio.workflow.continue_as_new(self.following())
        return self.count

    def following(self) -> DurableCellsStart:
        """What the next execution begins with."""
        carried = Payloads(payloads=self.records.values()).SerializeToString(deterministic=True)
        records = base64.b64encode(carried).decode("ascii")
        return DurableCellsStart(kernel=self.kernel, count=self.count, records=records)

    def is_long(self) -> bool:
        """Whether it is time to go on in a new execution; never while a cell runs."""
        suggested = temporalio.workflow.info().is_continue_as_new_suggested()
        return suggested and not self.open and temporalio.workflow.all_handlers_finished()

    @temporalio.workflow.update(name=BEGIN)
    async def begin(self, cell: CellRun) -> str:
        """Opens the step of a cell and gives its id."""
        self.kernel = cell.kernel
        self.count += 1
        name = cell.title if NAME.fullmatch(cell.title) else "cell"
        step = f"{name}-{self.count}"
        self.open[step] = asyncio.get_running_loop().create_task(self.execute(cell, step))
        return step

    @begin.validator
    def check(self, cell: CellRun) -> None:
        """Refuses a kernel whose notebook's run another kernel holds."""
        holder = self.kernel
        if holder is None or holder.id in (cell.kernel.id, cell.over):
            return
        raise temporalio.exceptions.ApplicationError(
            f"the kernel {holder} runs this notebook's durable cells", type=TAKEN_OVER, non_retryable=True
        )

    async def execute(self, cell: CellRun, step: str) -> None:
        """Waits for the kernel to complete a cell, and remembers its record."""
        groups: list[Any] = []
        if cell.cell_id is not None:
            label = f"Cell [{cell.cell_number}]" if cell.cell_number is not None else "Cell"
            groups.append(temporalio.workflow.create_event_group(cell.cell_id, label=label))
        try:
            done = await temporalio.workflow.execute_activity(
                STEP,
                cell,
                activity_id=step,
                result_type=RawValue,
                start_to_close_timeout=LONGEST_CELL,
                heartbeat_timeout=SIGNS_OF_LIFE,
                retry_policy=temporalio.common.RetryPolicy(maximum_attempts=1),
                summary=cell.title,
                event_groups=groups,
            )
            done.payload.metadata["cell"] = cell.cell.encode()
            self.records[cell.cell] = done.payload
        except temporalio.exceptions.ActivityError:
            # It failed, or its kernel died. The record before stays: where code and inputs are as then, it holds.
            pass
        finally:
            del self.open[step]

    @temporalio.workflow.update(name=FORGET)
    def forget(self, cells: list[str]) -> None:
        """Drops the records of cells: they run again."""
        for cell in cells:
            self.records.pop(cell, None)

    @temporalio.workflow.signal(name=END)
    def end(self) -> None:
        """Ends the run."""
        self.ended = True
