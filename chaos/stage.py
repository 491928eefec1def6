"""Where a row plays: a home of its own, kernels in it, and a client that owes nothing to what is being killed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home, read_json
from jupyter_workflows.local.runtime import Runtime

from .cells import expected, notebook
from .effects import EffectLog, Entry
from .histories import Told, read_history
from .kernels import IDLE_SECONDS, IDLE_VARIABLE, CellFailed, Kernel
from .processes import Found, gone, kill, of_role, processes_of
from .verdicts import Outcome, judge

T = TypeVar("T")
MARGIN_SECONDS = 0.08
"""How far a busy step must be from its effect, before and after, when something is killed."""


class TookTooLong(Exception):
    """Something did not come to pass."""


class Stage:
    """One home and all that happens in it.

    Args:
        folder: An empty directory with a short path.
        seed: Decides the schedule of faults and the lengths of steps.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.home = Home.locate(folder / "home")
        self.random = random.Random(seed)
        self.log = EffectLog(folder / "effects.log")
        self.kernels: list[Kernel] = []
        self.results: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self._clients: dict[str, Client] = {}
        self._started = 0
        self._open: list[str] = []
        self._last: list[Callable[[], object]] = []

    # Kernels and runs ------------------------------------------------------------------------------------------------

    def kernel(self) -> Kernel:
        """A new kernel in which the notebook's cells have run."""
        kernel = self.bare_kernel()
        self.run_cells(kernel)
        return kernel

    def up(self) -> Runtime:
        """The runtime, up before any kernel is; its idle worker hosts go as early as those of kernels."""
        os.environ[IDLE_VARIABLE] = str(IDLE_SECONDS)
        try:
            return local_runtime.ensure(self.home)
        finally:
            del os.environ[IDLE_VARIABLE]

    def bare_kernel(self) -> Kernel:
        """A new kernel that has run nothing."""
        kernel = Kernel(self.home.data, self.folder, self.variables)
        self.kernels.append(kernel)
        return kernel

    def run_cells(self, kernel: Kernel) -> None:
        """Run the notebook's cells."""
        for cell in notebook(str(self.log.path)):
            kernel.run(cell)

    def drop(self, kernel: Kernel) -> None:
        """Let go of a kernel that was killed."""
        kernel.forget()
        self.kernels.remove(kernel)

    def acknowledge(self, *, steps: int, longest_seconds: float) -> tuple[str, list[float]]:
        """The id and argument of a run that is to be started; from now on it must end well."""
        self._started += 1
        run = f"run-{self._started}"
        seconds = [round(self.random.uniform(0.3, longest_seconds), 2) for _ in range(steps)]
        self.results[run] = expected(seconds)
        return run, seconds

    def start(self, kernel: Kernel, steps: int, longest_seconds: float = 1.0) -> str:
        """Start a run from a kernel and give its id."""
        run, seconds = self.acknowledge(steps=steps, longest_seconds=longest_seconds)
        kernel.run(f"run = pipeline.options(id={run!r}).start({seconds!r})")
        return run

    def start_gated(self, kernel: Kernel, gates: int = 1) -> str:
        """Start a run that waits for people, and wait until it does."""
        self._started += 1
        run = f"gated-{self._started}"
        kernel.run(f"gate = gated.options(id={run!r}).start({gates}); gate.wait_for('approval', timeout=30)")
        return run

    def keep_busy(self, kernel: Kernel, many: int, steps: int, longest_seconds: float = 1.0) -> None:
        """Have `many` runs open."""
        self._open = [run for run in self._open if self.told(run).status == "running"]
        while len(self._open) < many:
            self._open.append(self.start(kernel, steps, longest_seconds))

    # What is so ------------------------------------------------------------------------------------------------------

    def client(self) -> Client:
        """A client of our own, connected to wherever the server says it is."""
        found = read_json(self.home.runtime_file)
        address = str(found.get("address", ""))
        if address not in self._clients:
            settings = Settings(address=address, namespace=str(found.get("namespace")))
            self._clients[address] = loop_thread().run(connect(settings, home=self.home), timeout=10)
        return self._clients[address]

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 30.0) -> T:
        """Run a coroutine on the loop the client lives on."""
        return loop_thread().run(work, timeout=seconds)

    def task_queue(self, run: str) -> str:
        """The task queue of a run, which is that of its bundle."""
        description = self.do(self.client().get_workflow_handle(run).describe())
        return description.task_queue

    def hosts(self) -> list[tuple[int | None, int]]:
        """Process and restarts of each worker host."""
        return [(host.pid, host.restarts) for host in local_runtime.status(self.home).hosts]

    def told(self, run: str) -> Told:
        """What history tells of a run; waits while the server is away."""
        return self.eventually(lambda: self._told(run), 30.0, f"history of {run}")

    def executions(self, run: str) -> set[str]:
        """Temporal's run ids of all executions there ever were under a workflow id."""

        client = self.client()

        async def listed() -> set[str]:
            return {found.run_id async for found in client.list_workflows(f"WorkflowId = '{run}'")}

        return self.do(listed())

    def _told(self, run: str) -> Told | None:
        with contextlib.suppress(Exception):
            return self.do(read_history(self.client(), run), 5.0)
        return None

    def wait_for_ends(self, seconds: float = 60.0) -> dict[str, Told | None]:
        """Wait until all acknowledged runs have ended, and tell what became of them."""
        deadline = time.monotonic() + seconds
        known: dict[str, Told | None] = {}
        for run in self.results:
            while (told := self._told(run)) is None or told.status == "running":
                known[run] = told
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            known[run] = told
        return known

    def eventually(self, look: Callable[[], T | None], seconds: float, what: str) -> T:
        """What `look` gives once it gives something true.

        Raises:
            TookTooLong: It gave nothing in time.
        """
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TookTooLong(f"no {what} within {seconds:g} s")
            time.sleep(0.005)
        return found

    # Faults ----------------------------------------------------------------------------------------------------------

    def sleep(self, shortest: float, longest: float) -> None:
        """Let the runs go on for a while, drawn by chance, in seconds."""
        time.sleep(self.random.uniform(shortest, longest))

    def moment(self, many: int, refill: Callable[[], None], *, seconds: float = 60.0) -> list[Entry]:
        """Wait for a moment, drawn by chance, at which `many` steps are busy and none is close to its effect.

        Args:
            many: How many.
            refill: Called when the open runs have become too few.
            seconds: How long to wait.
        """
        deadline = time.monotonic() + seconds
        self.sleep(0.0, 0.6)
        while time.monotonic() < deadline:
            refill()
            with contextlib.suppress(TookTooLong):
                return self.eventually(lambda: self._in_mid_step(many), 3.0, "busy moment")
        raise TookTooLong(f"no moment at which {many} steps are busy within {seconds:g} s")

    def _in_mid_step(self, many: int) -> list[Entry] | None:
        now = time.time()
        busy = self.log.busy()
        latest = max((entry.at for entry in self.log.entries if entry.what == "effect"), default=0.0)
        in_mid = all(entry.at + MARGIN_SECONDS < now < entry.at + entry.seconds - MARGIN_SECONDS for entry in busy)
        return busy if len(busy) >= many and in_mid and now > latest + MARGIN_SECONDS else None

    def retried(self, hit: list[Entry], since: float, seconds: float = 30.0) -> float:
        """Seconds until each step that was hit runs again."""
        waiting = {entry.key: entry.attempt for entry in hit}
        last = since
        for key, attempt in waiting.items():

            def again(key: tuple[str, str] = key, attempt: int = attempt) -> Entry | None:
                return next(
                    iter(self.log.starts(since, lambda entry: entry.key == key and entry.attempt > attempt)), None
                )

            last = max(last, self.eventually(again, seconds, f"further attempt of {key}").at)
        return last - since

    def advanced(self, hit: list[Entry], since: float, seconds: float = 30.0) -> float:
        """Seconds until each run that was hit has begun a step after the one that was busy, or has ended."""
        last = since
        for entry in hit:

            def on(entry: Entry = entry) -> float | None:
                of_run = self.log.starts(since, lambda other: other.run == entry.run and other.step != entry.step)
                begun = next(iter(of_run), None)
                if begun:
                    return begun.at
                told = self._told(entry.run)
                return time.time() if told and told.status != "running" else None

            last = max(last, self.eventually(on, seconds, f"further step of {entry.run}"))
        return last - since

    def right_status(self, kernel: Kernel, run: str, outcome: Outcome) -> None:
        """The notebook must show within 5 s what history says."""
        began = time.monotonic()
        try:
            shown = kernel.value(f"get_run({run!r}).status", seconds=20)
        except CellFailed as error:
            outcome.problems.append(f"status of {run}: {error}")
            return
        seconds = time.monotonic() - began
        truth = self.told(run).status
        outcome.demand(seconds < 5, f"status of {run} took {seconds:.1f} s")
        outcome.demand(shown in (truth, "running"), f"status of {run} shown as {shown}, is {truth}")

    def restart(self) -> None:
        """Kill everything, and have it up again from a fresh kernel."""
        kill(*[found.pid for found in processes_of(self.home.data)])
        self.close_kernels()
        self.kernel().run("len(runs())")

    # The end ---------------------------------------------------------------------------------------------------------

    def conclude(self, outcome: Outcome, *, seconds: float = 60.0, outage: bool = False) -> None:
        """All acknowledged runs end well; hosts go when nobody needs them; `down` leaves nothing."""
        known = self.wait_for_ends(seconds)
        judge(outcome, known, self.results, self.log.read(), outage=outage)
        self.close_kernels()
        stays = frozenset({"supervisor", "server"})
        with contextlib.suppress(TookTooLong):
            self.eventually(lambda: not self._unneeded(), 20.0, "end of the idle worker hosts")
        left = self._unneeded()
        many = {role: len(of_role(self.home.data, role)) for role in stays}
        outcome.demand(many == dict.fromkeys(stays, 1), f"wanted one supervisor and one server, found {many}")
        local_runtime.down(self.home)
        self._count_orphans(outcome, left + gone(self.home.data, 5.0))

    def _unneeded(self) -> list[Found]:
        """What is neither the supervisor nor its server nor the one warm spare."""
        spare = local_runtime.status(self.home).spare_pid
        found = processes_of(self.home.data)
        return [each for each in found if each.role not in ("supervisor", "server") and each.pid != spare]

    def _count_orphans(self, outcome: Outcome, left: list[Found]) -> None:
        outcome.orphans += len(left)
        outcome.problems += [f"orphan {found.role} {found.pid}: {found.command}" for found in left]

    def close_kernels(self) -> None:
        """End all kernels."""
        for kernel in self.kernels:
            kernel.close()
        self.kernels.clear()

    def at_end(self, call: Callable[[], object]) -> None:
        """Have something done when all processes have gone."""
        self._last.append(call)

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.close_kernels()
        with contextlib.suppress(Exception):
            local_runtime.down(self.home)
        kill(*[found.pid for found in processes_of(self.home.data)])
        for call in self._last:
            call()


@contextlib.contextmanager
def stage(seed: int) -> Iterator[Stage]:
    """A stage in a directory of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="jw-chaos-"))
    found = Stage(folder, seed)
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(folder, ignore_errors=True)
