"""The commands `resume`, `fork` and `compare`: going on otherwise, and what came of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .. import session as sessions
from ..errors import CommandError
from ..runs.resuming.display import plan_html, plan_text
from ..session import Session, get_run
from .arguments import parse_json
from .outcomes import Outcome
from .tables import Cell, Facts, Rendered
from .texts import Preformatted

if TYPE_CHECKING:
    from ..runs.forking.forkable import Forking
    from ..runs.handle import Run
    from ..runs.resuming.resumption import Resumption


def resume(session: Session, arguments: Namespace) -> Outcome:
    """`resume`."""
    del session
    found = get_run(arguments.run).plan_resume(arguments.from_step)
    return planned(found, None if arguments.plan else found.resume, "goes on")


def fork(session: Session, arguments: Namespace) -> Outcome:
    """`fork`."""
    del session
    changes = named_values(arguments.changes, "fork")
    results = named_values(arguments.results, "--results")
    found = get_run(arguments.run).plan_fork(arguments.from_step, results=results, **changes)
    return planned(found, None if arguments.plan else found.fork, "was started")


def planned(found: Resumption | Forking, carry_out: Callable[[], Run[Any]] | None, done: str) -> Outcome:
    """A plan; where it is to be carried out, what became of it.

    Args:
        found: What shows the plan.
        carry_out: Does it, and gives the run; None where only the plan is wanted.
        done: What then is to be said of the run.
    """
    plan = found.plan
    if carry_out is None:
        shown = Rendered(Facts(Cell(plan_text(plan))), lambda: plan_html(plan))
        return Outcome(data=plan, shown=shown, value=found)
    run = carry_out()
    words = Rendered(Facts(Cell(f"{plan_text(plan)}\nrun {run.id} {done}")), lambda: plan_html(plan))
    return Outcome(data=run.describe(), shown=words, value=run)


def named_values(text: str | None, what: str) -> dict[str, Any]:
    """Values by name from a JSON object.

    Raises:
        CommandError: It is none.
    """
    value: Any = parse_json(text, what) if text else {}
    if not isinstance(value, dict):
        raise CommandError(f'{what} takes a JSON object of names and values, such as \'{{"model": "small"}}\'')
    return {str(name): item for name, item in cast("dict[object, Any]", value).items()}


def compare(session: Session, arguments: Namespace) -> Outcome:
    """`compare`."""
    del session
    found = sessions.compare(arguments.run, arguments.other)
    shown = Rendered(Preformatted(repr(found)), found.html)
    return Outcome(data=found.data, shown=shown, value=found, exit_code=0 if found else 1)
