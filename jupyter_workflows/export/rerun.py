"""A recorded run once more: the installed package's worker, a Temporal server of its own, the recorded input.

Everything really runs, so only what somebody declared safe to run again does: nothing in a function's text says whether
it sends a mail. People's decisions are taken from the record and signed with a key of the proof.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client

from ..connection import Settings, connect, loop_thread
from ..errors import JupyterWorkflowsError
from ..local.binary import find_binary
from ..local.paths import Home
from ..local.server import choose_ports
from ..runs import client as run_client
from ..runs.client import StartRequest
from ..runs.handle import UNSET, Run
from ..runs.reading import Snapshot
from ..schema import Step
from .environment import Environment, clean

RUN_SECONDS = 180.0
LONGEST_WAIT_SECONDS = 30.0
ALL = "all"


@dataclass(frozen=True)
class Rerun:
    """What a run came to the second time.

    Attributes:
        ran: Whether it ran at all.
        reason: Why it did not.
        differences: What was another than in the notebook.
    """

    ran: bool = False
    reason: str = ""
    differences: list[str] = field(default_factory=list[str])


def why_not(recorded: Snapshot, safe: Sequence[str]) -> str:
    """Why a recorded run can't run once more; empty where it can."""
    if recorded.run.status != "completed":
        return f"the run is {recorded.run.status.replace('_', ' ')}"
    unsafe = {step.name for step in recorded.steps if step.kind == "activity"} - set(safe)
    if unsafe and ALL not in safe:
        return f"not declared safe to run again (--safe): {', '.join(sorted(unsafe))}"
    for step in recorded.steps:
        if step.kind == "timer" and (step.seconds or 0) > LONGEST_WAIT_SECONDS:
            return f"{step.id} waited {step.seconds:g} s"
        if step.approval and (step.approval.status == "timed_out" or step.approval.votes):
            return f"{step.id} was not decided by one person"
        if step.kind not in ("activity", "timer", "approval", "child"):
            return f"{step.id} is a {step.kind}"
    return ""


def quiet(text: str) -> None:
    """Tells nobody."""
    del text


class Stage:
    """A server and the package's worker on it.

    Args:
        environment: Where the package is installed.
        name: The package's name.
        folder: For everything that is written.
    """

    def __init__(self, environment: Environment, name: str, folder: Path) -> None:
        self.environment = environment
        self.name = name
        self.home = Home.locate(folder / "home").create()
        self.log = folder / "worker.log"
        self.client: Client | None = None

    @contextlib.contextmanager
    def up(self) -> Generator[None]:
        """Lets both be up."""
        binary, _ = find_binary(self.home, quiet)
        port = str(choose_ports(()).frontend)
        address = f"127.0.0.1:{port}"
        command = [binary, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", port]
        settings = {
            "TEMPORAL_ADDRESS": address,
            "JUPYTER_WORKFLOWS_HOME": str(self.home.data),
            "JUPYTER_WORKFLOWS_HEALTH": "off",
            "JUPYTER_WORKFLOWS_METRICS": "off",
        }
        worker = [self.environment.programs / self.name, "worker"]
        with contextlib.ExitStack() as stack, self.log.open("w") as log:
            stack.enter_context(running([*map(str, command)], log, clean()))
            self.client = connected(Settings(address), self.home)
            stack.enter_context(running([*map(str, worker)], log, clean() | settings))
            yield

    def run(self, recorded: Snapshot) -> Rerun:
        """Runs a recorded run once more."""
        assert self.client is not None
        request = StartRequest(workflow=recorded.run.workflow, task_queue=self.name, args=recorded.arguments)
        try:
            run = run_client.start_run(self.client, request, home=self.home)
            decide_as_recorded(run, recorded.steps)
            run.wait_for("end", timeout=RUN_SECONDS)
            found = whole(run)
        except JupyterWorkflowsError as error:
            return Rerun(reason=str(error))
        return Rerun(ran=True, differences=differences(recorded, found))


@contextlib.contextmanager
def running(command: Sequence[str], log: Any, environment: dict[str, str]) -> Generator[None]:
    """Lets a program run while the body does."""
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connected(settings: Settings, home: Home) -> Client:
    """A client of a server that is starting.

    Raises:
        ConnectionFailed: It does not come up.
    """
    until = time.monotonic() + 60
    while True:
        try:
            return loop_thread().run(connect(settings, home=home, plugins=()))
        except JupyterWorkflowsError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def decide_as_recorded(run: Run[Any], steps: Sequence[Step]) -> None:
    """Decides the questions of a run as they were decided in the notebook.

    Raises:
        JupyterWorkflowsError: A question does not come, or is another.
    """
    recorded = {step.id: step.approval for step in steps if step.approval is not None}
    until = time.monotonic() + RUN_SECONDS
    while recorded:
        if time.monotonic() > until or run.status != "running":
            raise JupyterWorkflowsError(f"the run never asked {', '.join(recorded)}")
        for approval in run.pending_approvals():
            answer = recorded.pop(approval.id, None)
            if answer is None:
                raise JupyterWorkflowsError(f"the run asks {approval.id}, which the recorded one did not")
            act = run.approve if answer.status == "approved" else run.reject
            value = answer.value if answer.has_editable and answer.edits else UNSET
            act(approval, reviewer=answer.by, comment=answer.comment, form=answer.form, value=value)
        time.sleep(0.1)


def whole(run: Run[Any]) -> Snapshot:
    """A run with all its values, those that are stored outside of its history too."""
    return loop_thread().run(run.reader.snapshot(fetch_stored=True))


def differences(recorded: Snapshot, found: Snapshot) -> list[str]:
    """What was another than in the notebook: the result, which steps there were, what they got and gave."""
    told: list[str] = []
    if found.run.status != recorded.run.status:
        told.append(f"the run is {found.run.status}, not {recorded.run.status}")
    elif found.result != recorded.result:
        told.append("the result is another")
    before, now = {step.id: step for step in recorded.steps}, {step.id: step for step in found.steps}
    told += [f"{step} is missing" for step in before.keys() - now.keys()]
    told += [f"{step} is new" for step in now.keys() - before.keys()]
    for step in before.keys() & now.keys():
        one, other = before[step], now[step]
        parts = {
            "input": (one.input, other.input),
            "status": (one.status, other.status),
        }
        if one.kind == "activity":
            parts["output"] = (one.output, other.output)
        told += [f"{step} has another {part}" for part, (mine, theirs) in parts.items() if mine != theirs]
    return sorted(told)
