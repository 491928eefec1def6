"""An activity whose result is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..payloads import types
from ..schema import Doubt
from .checks import DOUBTS
from .state import run_state

if TYPE_CHECKING:
    from .definitions import Activity


class ActivityTrial:
    """Runs an activity, each time as a step of its own.

    Args:
        activity: The activity.
        positional: Its arguments as they travel.
    """

    def __init__(self, activity: Activity[Any, Any], positional: Sequence[Any]) -> None:
        self.activity = activity
        self.positional = list(positional)
        self.step = ""

    @property
    def asked(self) -> str:
        """The call, as text."""
        return f"{self.activity.name}({', '.join(map(repr, self.positional))})"

    @property
    def can_repair(self) -> bool:
        """Whether the function takes doubts."""
        return DOUBTS in self.activity.signature.parameters

    async def run(self, doubts: Sequence[Doubt] = ()) -> Any:
        """Runs it, with what was wrong the time before."""
        self.step = run_state().next_id(self.activity.name)
        return await self.executed(self.step, doubts)

    async def sample(self) -> Any:
        """Runs it once more, for comparison."""
        return await self.executed(run_state().next_id(self.activity.name))

    async def executed(self, step: str, doubts: Sequence[Doubt] = ()) -> Any:
        """Runs it as the step of a given id."""
        from .steps import executed

        arguments = list(self.positional)
        if doubts and self.can_repair:
            arguments[list(self.activity.signature.parameters).index(DOUBTS)] = list(doubts)
        return await executed(self.activity, arguments, step)

    def doubts(self, answer: Any) -> list[Doubt]:
        """None: the worker has checked the result's type."""
        del answer
        return []

    def value(self, answer: Any) -> Any:
        """The result itself."""
        return answer

    def edited(self, answer: Any, value: Any) -> Any:
        """The edited result, in the activity's own type."""
        del answer
        wanted = self.activity.result_type
        return value if wanted is None else types.adapter(wanted).validate_python(value)
