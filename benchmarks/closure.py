"""From an executed cell to a written bundle, warm: `python benchmarks/closure.py [ROUNDS]`.

A workflow of ten activities and ten helpers; in each round one helper was edited, so that the bundle is a new
one. Wall time depends on what else the machine does; processor time is what the analysis costs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from jupyter_workflows.notebook import Cell, CellLog, resolve, write_bundle

FUNCTIONS = 10
HEAD = """
from jupyter_workflows import activity, workflow, human_approval, RetryPolicy, timeout
from pydantic import BaseModel
import json, re

class Finding(BaseModel):
    name: str
    score: float
    notes: list[str] = []

PATTERN = re.compile(r"(\\w+)")
LIMIT = 0.7
"""
STEP = '''
def helper_{i}(text: str) -> list[str]:
    """Finds words."""
    found = []
    for match in PATTERN.finditer(text):
        word = match.group(1)
        if len(word) > {k} and word.lower() not in found:
            found.append(word.lower())
    return sorted(found)

@activity(retry=RetryPolicy(max_attempts=3))
def step_{i}(finding: Finding) -> Finding:
    """Scores a finding."""
    words = helper_{i}(finding.name)
    score = sum(len(word) for word in words) / (1 + len(finding.name))
    if score > LIMIT:
        return finding.model_copy(update={{"score": score, "notes": [*finding.notes, json.dumps(words)]}})
    return finding
'''
FLOW = """
@workflow
async def flow(name: str) -> Finding:
    finding = Finding(name=name, score=0)
""" + "".join(
    f"""
    finding = await step_{i}(finding)
    if finding.score > LIMIT * {i}:
        if not await human_approval(f"Is {{finding.name}} right?", timeout=timeout(days=3)):
            return finding
"""
    for i in range(FUNCTIONS)
)


class Notebook:
    """Executes and records cells."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cells = CellLog()
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def execute(self, source: str) -> None:
        exec(compile(source, "<cell>", "exec", dont_inherit=True), self.namespace)

    def record(self, id: str, source: str) -> None:
        self.cells.record(Cell(id, None, source))

    def round(self, number: int) -> tuple[float, float]:
        """Wall and processor time in seconds, from recording an edited cell to the written bundle."""
        edited = STEP.format(i=3, k=1000 + number)
        self.execute(edited)
        self.execute(FLOW)
        wall, processor = time.perf_counter(), time.process_time()
        self.record("step-3", edited)
        self.record("flow", FLOW)
        closure = resolve(["flow"], self.cells, self.namespace, directory=self.directory)
        bundle = write_bundle(closure, self.directory / "bundles")
        assert bundle.is_new
        return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as directory:
        notebook = Notebook(Path(directory))
        for name, source in [("head", HEAD), *((f"step-{i}", STEP.format(i=i, k=i)) for i in range(FUNCTIONS))]:
            notebook.execute(source)
            notebook.record(name, source)
        first = notebook.round(0)
        warm = [notebook.round(number) for number in range(1, rounds + 1)]
    print(f"first: {first[0] * 1e3:.0f} ms ({first[1] * 1e3:.0f} ms of processor)")
    for name, index in (("wall", 0), ("processor", 1)):
        times = sorted(times[index] * 1e3 for times in warm)
        print(f"warm, {name}: median {statistics.median(times):.0f} ms, {times[0]:.0f} to {times[-1]:.0f} ms")


if __name__ == "__main__":
    main()
