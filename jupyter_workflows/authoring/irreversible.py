"""`@activity(irreversible=True)`: a step that nothing can undo waits for a person before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from ..errors import StepRefused
from .approval import human_approval

if TYPE_CHECKING:
    from .definitions import Activity

SHOWN_CHARACTERS = 2_000


async def allowed(activity: Activity[Any, Any], positional: Sequence[Any], step: str) -> None:
    """Waits until a person lets the step run.

    Raises:
        StepRefused: A person did not.
    """
    decision = await human_approval(question(activity, positional, step))
    if not decision:
        said = f": {decision.comment}" if decision.comment else ""
        raise StepRefused(f"{decision.by} did not let {step} run, which can't be undone{said}", step=step)


def question(activity: Activity[Any, Any], positional: Sequence[Any], step: str) -> str:
    """What a person is asked: what would run, and with what."""
    lines = [
        f"{name} = {to_json(value, fallback=str, inf_nan_mode='constants').decode()}"
        for name, value in zip(activity.signature.parameters, positional, strict=False)
    ]
    return f"`{step}` can't be undone once it has run. Approve to let it run, or reject it.\n\n" + quoted(
        "\n".join(lines), SHOWN_CHARACTERS
    )


def quoted(text: str, characters: int) -> str:
    """A foreign text as a block of its own: none of it is taken as Markdown."""
    shown = text if len(text) <= characters else f"{text[:characters]}…"
    return "\n".join(f"    {line}" for line in shown.splitlines())
