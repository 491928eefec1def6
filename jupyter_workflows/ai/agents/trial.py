"""An agent's answer that is checked: it goes on with what was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...authoring.checks import listed
from ...schema import Doubt
from ..requests import Message
from .conversation import text_of
from .outcomes import AgentAnswer, AgentStopped

if TYPE_CHECKING:
    from .loop import Loop


class Stopped(Exception):
    """A limit stopped the agent while its answer was being settled; never leaves `Agent.run`."""

    def __init__(self, outcome: AgentStopped) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class AgentTrial:
    """Runs an agent, and goes on with what was doubtful.

    Args:
        loop: The run.
        task: What it was asked.
    """

    def __init__(self, loop: Loop, task: Message) -> None:
        self.loop = loop
        self.task = task

    @property
    def step(self) -> str:
        """The model's last answer."""
        return self.loop.step

    @property
    def asked(self) -> str:
        """The task."""
        return text_of(self.task)

    @property
    def can_repair(self) -> bool:
        """Always: a model can be told what was wrong."""
        return True

    async def run(self, doubts: Sequence[Doubt] = ()) -> AgentAnswer[Any]:
        """Runs it, or goes on.

        Raises:
            Stopped: A limit was reached.
        """
        if doubts:
            self.loop.say(f"Your answer is not right: {listed(doubts)}. Correct it and answer again.")
        return finished(await self.loop.run())

    async def sample(self) -> AgentAnswer[Any]:
        """Runs it once more from the task, for comparison.

        Raises:
            Stopped: A limit was reached.
        """
        return finished(await self.loop.again().run())

    def doubts(self, answer: AgentAnswer[Any]) -> list[Doubt]:
        """A text that was cut off is not whole."""
        return [] if answer.complete else [Doubt(reason="the answer was cut off by max_tokens", by="max_tokens")]

    def value(self, answer: AgentAnswer[Any]) -> Any:
        """The value."""
        return answer.value

    def edited(self, answer: AgentAnswer[Any], value: Any) -> AgentAnswer[Any]:
        """The answer with an edited value."""
        return answer.model_copy(update={"value": value, "complete": True})


def finished(outcome: AgentAnswer[Any] | AgentStopped) -> AgentAnswer[Any]:
    """The answer.

    Raises:
        Stopped: There is none.
    """
    if isinstance(outcome, AgentStopped):
        raise Stopped(outcome)
    return outcome
