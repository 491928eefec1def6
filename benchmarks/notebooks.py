"""What a person at a notebook waits for: the first step, a cell, an edit, an approval, an import."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.closure import FLOW, FUNCTIONS, HEAD, STEP
from benchmarks.measures import Measure, Plan
from chaos.kernels import Kernel
from chaos.processes import gone, kill, of_role
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home

OPEN = """%load_ext jupyter_workflows
import time
from jupyter_workflows import activity, get_run, human_approval, workflow"""
MARK = '''@activity
def mark(log: str, bias: int) -> int:
    """Notes when it runs, outside of Temporal."""
    with open(log, "a") as file:
        file.write(f"{{time.time()}}\\n")
    return {edition}'''
MARKED = """%%workflow
async def marked(log: str) -> int:
    return await mark(log, 1)"""
GATED = """%%workflow
async def gated(log: str) -> int:
    answer = await human_approval("Go on?")
    return await mark(log, int(bool(answer)))"""
WAIT_FOR_GATE = """def opened(run):
    while not run.pending_approvals():
        time.sleep(0.01)
    time.sleep(0.2)
    return run"""
SETTLING_SECONDS = 3.0
IMPORTS = 15


class Notebook(Kernel):
    """A kernel as a person has it: its worker host is kept for the usual time."""

    def __init__(self, home: Path, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        super().__init__(home, folder, {"JUPYTER_WORKFLOWS_IDLE_SECONDS": "30", **(variables or {})})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Marks:
    """The log that the step `mark` writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self) -> int:
        """How many steps have noted themselves."""
        return len(self._lines())

    def next_after(self, count: int, seconds: float = 60.0) -> float:
        """When the step after the first `count` ran."""
        deadline = time.monotonic() + seconds
        while len(lines := self._lines()) <= count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no step ran within {seconds:.0f} s")
            time.sleep(0.005)
        return float(lines[count])

    def _lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """All of it, in a home that is made once."""
    home = Home.locate(folder / "home")
    rounds = plan.rounds
    marks = Marks(folder / "marks.log")
    local_runtime.ensure(home)
    cold = [first_step(home, folder, marks, cold=True) for _ in range(rounds)]
    warm = [first_step(home, folder, marks, cold=False) for _ in range(rounds)]
    with Notebook(home.data, folder) as notebook:
        edits = edited(notebook, marks, rounds)
        approvals = approved(notebook, marks, rounds)
        closures = closure_cells(notebook, rounds)
    restarted = [approved_after_restart(home, folder, marks) for _ in range(rounds)]
    loads, memory = loading(home, folder, rounds)
    ours, plain = importing()
    return [
        Measure("fresh kernel to first step, server started for it", "at most 1.5 s", cold, 1.5),
        Measure("fresh kernel to first step, server running", "at most 0.7 s", warm, 0.7),
        Measure(f"a `%%workflow` cell with {FUNCTIONS} functions", "at most 100 ms", closures, 0.1),
        Measure("edited cell run again and started, to its first step", "at most 0.5 s", edits, 0.5),
        Measure("approve to next step", "at most 100 ms", approvals, 0.1),
        Measure("approve to next step, all was killed meanwhile", "at most 100 ms", restarted, 0.1),
        Measure(
            "import of the deployed set (CPU), against `temporalio.client` and pydantic",
            "at most 1.2 x",
            ours,
            1.2,
            against=plain,
        ),
        Measure("`%load_ext jupyter_workflows`", "at most 0.3 s", loads, 0.3),
        Measure("memory of that, beside a kernel with temporalio", "at most 25 MB", memory, 25, unit="MB"),
    ]


def first_step(home: Home, folder: Path, marks: Marks, *, cold: bool) -> float:
    """Seconds from the first cell of a kernel to the start of a first step."""
    with Notebook(home.data, folder) as notebook:
        if cold:
            local_runtime.down(home)
        count = marks.count()
        began = time.time()
        for cell in (OPEN, MARK.format(edition=0), MARKED, f"run = marked.start({str(marks.path)!r})"):
            notebook.run(cell)
        return marks.next_after(count) - began


def edited(notebook: Notebook, marks: Marks, rounds: int) -> list[float]:
    """Seconds from sending an edited activity to the step's start, in a warm kernel."""
    start = f"run = marked.start({str(marks.path)!r})"
    for cell in (OPEN, MARK.format(edition=0), MARKED, f"{start}; run.result()"):
        notebook.run(cell)
    times: list[float] = []
    for edition in range(1, rounds + 1):
        time.sleep(0.3)
        count = marks.count()
        began = time.time()
        notebook.run(MARK.format(edition=edition))
        notebook.run(start)
        times.append(marks.next_after(count) - began)
        assert notebook.value("run.result()") == edition
    return times


def approved(notebook: Notebook, marks: Marks, rounds: int) -> list[float]:
    """Seconds from `run.approve()` to the start of the step behind it."""
    notebook.run(GATED)
    notebook.run(WAIT_FOR_GATE)
    times: list[float] = []
    for _ in range(rounds):
        notebook.run(f"run = opened(gated.start({str(marks.path)!r}))")
        count = marks.count()
        began = float(notebook.run("began = time.time(); run.approve(); print(began)"))
        times.append(marks.next_after(count) - began)
        notebook.run("run.result()")
    return times


def approved_after_restart(home: Home, folder: Path, marks: Marks) -> float:
    """The same, after the kernel, the server and all workers were killed while the approval waited."""
    with Notebook(home.data, folder) as notebook:
        for cell in (OPEN, MARK.format(edition=0), GATED, WAIT_FOR_GATE):
            notebook.run(cell)
        run_id = json.loads(
            notebook.run(f"import json; run = opened(gated.start({str(marks.path)!r})); print(json.dumps(run.id))")
        )
        kill(notebook.pid)
    kill(*of_role(home.data, "supervisor"), *of_role(home.data, "server"), *of_role(home.data, "host"))
    gone(home.data, 10.0)
    with Notebook(home.data, folder) as notebook:
        notebook.run(OPEN)
        notebook.run(WAIT_FOR_GATE)
        notebook.run(f"run = opened(get_run({run_id!r}))")
        _wait_for_host(home)
        count = marks.count()
        began = float(notebook.run("began = time.time(); run.approve(); print(began)"))
        return marks.next_after(count) - began


def _wait_for_host(home: Home, seconds: float = 60.0) -> None:
    """Until a worker host serves the run again."""
    deadline = time.monotonic() + seconds
    while not any(host.pid and host.open_runs for host in local_runtime.status(home).hosts):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no worker host came back within {seconds:.0f} s")
        time.sleep(0.1)
    time.sleep(1)


def closure_cells(notebook: Notebook, rounds: int) -> list[float]:
    """Seconds to execute a `%%workflow` cell whose functions were defined, and each time edited, before."""
    definitions = [STEP.format(i=number, k=3) for number in range(FUNCTIONS)]
    for cell in (HEAD, *definitions):
        notebook.run(cell)
    flow = FLOW.replace("@workflow\n", "%%workflow\n", 1).lstrip()
    times: list[float] = []
    for edition in range(rounds + 1):
        notebook.run(STEP.format(i=0, k=edition + 4))
        began = time.perf_counter()
        notebook.run(flow)
        times.append(time.perf_counter() - began)
    return times[1:]


def loading(home: Home, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that loading the extension takes, and the megabytes it adds to a kernel with temporalio."""
    times: list[float] = []
    megabytes: list[float] = []
    for _ in range(rounds):
        with Notebook(home.data, folder) as notebook:
            notebook.run("import time, psutil, temporalio.client")
            before = notebook.value("psutil.Process().memory_info().rss")
            began = notebook.run(
                "began = time.perf_counter()\n%load_ext jupyter_workflows\nprint(time.perf_counter() - began)"
            )
            times.append(float(began.splitlines()[-1]))
            time.sleep(SETTLING_SECONDS)  # what it goes on to do in the background counts
            megabytes.append((notebook.value("psutil.Process().memory_info().rss") - before) / 1e6)
    return times, megabytes


def importing() -> tuple[list[float], list[float]]:
    """Processor seconds to import the deployed set, and to import what it cannot do without."""
    needed = "import temporalio.client; from pydantic import BaseModel, Field, TypeAdapter, ValidationError"
    modules = ("", ".connection", ".payloads", ".plugin", ".worker", ".runs.client")
    deployed = "; ".join(f"import jupyter_workflows{module}" for module in modules)
    ours: list[float] = []
    plain: list[float] = []
    for _ in range(IMPORTS):
        plain.append(_processor_seconds(needed))
        ours.append(_processor_seconds(deployed))
    return ours, plain


def _processor_seconds(code: str) -> float:
    # Without the garbage collector: whose turn its one long pass falls into is chance. Worker hosts start so, too.
    timed = f"import gc, time; gc.disable(); began = time.process_time(); {code}; print(time.process_time() - began)"
    root = Path(__file__).parents[1]
    return float(
        subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True, cwd=root).stdout
    )


@contextlib.contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """An empty directory whose runtime is ended, and which is removed, at the end."""
    path.mkdir(mode=0o700)
    before = os.environ.get("JUPYTER_WORKFLOWS_HOME")
    os.environ["JUPYTER_WORKFLOWS_HOME"] = str(path / "home")
    try:
        yield path
    finally:
        local_runtime.down(Home.locate(path / "home"))
        gone(path / "home", 10.0)
        shutil.rmtree(path, ignore_errors=True)
        if before is None:
            del os.environ["JUPYTER_WORKFLOWS_HOME"]
        else:
            os.environ["JUPYTER_WORKFLOWS_HOME"] = before
