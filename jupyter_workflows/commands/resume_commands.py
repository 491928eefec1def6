"""The command `resume`: what going on with corrected code would keep, and to do it."""

from __future__ import annotations

from argparse import Namespace

from ..runs.resuming.display import plan_html, plan_text
from ..session import Session, get_run
from .outcomes import Outcome
from .tables import Cell, Facts, Rendered


def resume(session: Session, arguments: Namespace) -> Outcome:
    """`resume`."""
    del session
    run = get_run(arguments.run)
    found = run.plan_resume(arguments.from_step)
    plan = found.plan
    if arguments.plan:
        shown = Rendered(Facts(Cell(plan_text(plan))), lambda: plan_html(plan))
        return Outcome(data=plan, shown=shown, value=found)
    resumed = found.resume()
    words = Rendered(Facts(Cell(f"{plan_text(plan)}\nrun {run.id} goes on")), lambda: plan_html(plan))
    return Outcome(data=resumed.describe(), shown=words, value=resumed)
