"""`Resumption`: a plan to look at and to carry out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...connection import loop_thread
from ...schema.resumes import ResumePlan
from .carrying import resume
from .display import plan_html, plan_text
from .planning import Wish
from .workshop import workshop_in_force

if TYPE_CHECKING:
    from ..handle import Run


class Resumption:
    """What resuming a run would do; made by `run.plan_resume()`.

    Args:
        run: The run.
        plan: What is kept and what runs again.
        wish: What was asked for.
        bundle: The corrected code.
    """

    def __init__(self, run: Run[Any], plan: ResumePlan, wish: Wish, bundle: Path) -> None:
        self.run = run
        self.plan = plan
        self.wish = wish
        self.bundle = bundle

    def resume(self) -> Run[Any]:
        """Does it, and gives the run's new execution at once; see `Run.resume`.

        Raises:
            ResumeRefused: What the plan was made for is no longer so.
        """
        return self.carried_out(self.plan.run_id)

    def carried_out(self, seen: str) -> Run[Any]:
        """Does it for somebody who looked at this execution of the run."""
        from ..handle import Run

        run = self.run
        workshop = workshop_in_force()
        begun = resume(run.new_reader(), workshop, self.bundle, self.wish, seen=seen, planned=self.plan)
        run_id = loop_thread().run(begun)
        return Run(run.access, run.id, run_id, result_type=run.result_type)

    def __repr__(self) -> str:
        return plan_text(self.plan)

    def _repr_html_(self) -> str:
        return plan_html(self.plan)
