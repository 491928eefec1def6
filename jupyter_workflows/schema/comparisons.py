"""Two runs side by side: what differs in steps, values, outcome and what it took."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import Edit, Run, StepKind, StepStatus, Usage, Wire


class StepSide(Wire):
    """A step as one of the two runs had it."""

    id: str
    status: StepStatus
    seconds: float | None = Field(default=None, description="From scheduled to finished")
    usage: Usage | None = None
    attempts: int = 0
    output: Any = Field(default=None, description="As JSON; what has no form in it as a text that says what it is")
    error: str = ""
    kept: bool = Field(default=False, description="Whether the run was spared it: an earlier one had done it")


class ComparedStep(Wire):
    """A step of the one run and what corresponds to it in the other; one of them may have none."""

    name: str
    kind: StepKind
    a: StepSide | None = None
    b: StepSide | None = None
    same_input: bool | None = Field(default=None, description="None where one has none, or it can't be read")
    same_output: bool | None = Field(default=None, description="None where one has none, or it can't be read")
    differences: list[Edit] = Field(default=[], description="What the outputs differ in, by JSON pointer")

    @property
    def differs(self) -> bool:
        """Whether there is something to look at: another output, another end, or a step that one has not."""
        if self.a is None or self.b is None:
            return True
        return self.same_output is False or self.a.status != self.b.status or self.a.error != self.b.error


class RunSide(Wire):
    """One of the two runs."""

    run: Run
    seconds: float | None = Field(default=None, description="From start to end; None while it is open")
    steps: int
    kept: int = Field(description="How many of its steps an earlier run or execution had done")
    usage: Usage = Field(description="What the model calls of its own steps took: without the kept ones")
    usage_kept: Usage = Field(description="What those of the kept steps had taken")
    arguments: dict[str, Any] = Field(default={}, description="By parameter; by place where the code is not at hand")
    result: Any = None
    failure: str = ""


class Comparison(Wire):
    """Two runs side by side."""

    a: RunSide
    b: RunSide
    steps: list[ComparedStep]
    arguments: list[Edit] = Field(default=[], description="What they were started with, by JSON pointer")
    result: list[Edit] = Field(default=[], description="What the results differ in, by JSON pointer")
