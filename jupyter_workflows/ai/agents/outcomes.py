"""How an agent's run ends: with an answer, or stopped, and then with all that it reached."""

from __future__ import annotations

from typing import Any, Generic, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ...errors import AgentUnfinished
from ...schema import Usage
from .conversation import Conversation

T = TypeVar("T")

StopReason = Literal["turns", "tokens", "money", "time", "repairs"]


class Outcome(BaseModel):
    """What both outcomes say."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    agent: str = Field(description="The agent that spoke last")
    text: str = Field(description="What it said last; never empty")
    turns: int = Field(default=0, description="Answers of the model")
    usage: Usage = Usage()
    conversation: Conversation = Field(default_factory=Conversation, repr=False)

    def __str__(self) -> str:
        return self.text


class AgentAnswer(Outcome, Generic[T]):
    """An agent came to its end.

    Attributes:
        value: What was asked for: a value of `output=`, else the text.
        complete: Whether the model ended by itself; false where `max_tokens` cut its text off.
    """

    type: Literal["answer"] = "answer"
    value: T
    complete: bool = True

    @property
    def finished(self) -> bool:
        """True."""
        return True


class AgentStopped(Outcome):
    """A limit stopped an agent; false, where an `AgentAnswer` is true.

    `text` is the last thing that was reached; `conversation` holds all of it, and a further
    `agent.run(..., conversation=stopped.conversation)` goes on from there.

    Attributes:
        reason: Which limit.
        detail: How it was reached, in words.
    """

    type: Literal["stopped"] = "stopped"
    reason: StopReason
    detail: str

    @property
    def finished(self) -> bool:
        """False."""
        return False

    @property
    def value(self) -> NoReturn:
        """There is none.

        Raises:
            AgentUnfinished: Always.
        """
        raise AgentUnfinished(
            f"agent {self.agent} was stopped ({self.detail}) and gave no value: look at .finished before .value; "
            ".text and .conversation hold what it reached"
        )

    def __bool__(self) -> bool:
        return False


Ended = AgentAnswer[Any] | AgentStopped
