"""The commands `resume`, `fork` and `compare`: going on otherwise, and what came of it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, cast

from .. import session as sessions
from ..errors import CommandError
from ..runs.resuming.display import plan_html, plan_text
from ..session import Session, get_run
from .arguments import parse_json
from .outcomes import Outcome
from .tables import Cell, Facts, Rendered
from .texts import Preformatted


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


def fork(session: Session, arguments: Namespace) -> Outcome:
    """`fork`."""
    del session
    run = get_run(arguments.run)
    changes = named_values(arguments.changes, "fork")
    results = named_values(arguments.results, "--results")
    found = run.plan_fork(arguments.from_step, results=results, **changes)
    plan = found.plan
    if arguments.plan:
        shown = Rendered(Facts(Cell(plan_text(plan))), lambda: plan_html(plan))
        return Outcome(data=plan, shown=shown, value=found)
    forked = found.fork()
    words = Rendered(Facts(Cell(f"{plan_text(plan)}\nrun {forked.id} was started")), lambda: plan_html(plan))
    return Outcome(data=forked.describe(), shown=words, value=forked)


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
