"""`ask_human`: a person as a tool."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import temporalio.workflow
from pydantic import BaseModel, Field

from ...authoring.approval import check_arguments, human_approval
from ...errors import AuthoringError
from .arguments import Arguments
from .tools import Caller, Tool

NAME = "ask_human"
DESCRIPTION = "Asks a person and waits for the answer. Ask only what you can't find out otherwise."


class HumanAnswer(BaseModel):
    """What a person answers where no other form is asked for."""

    answer: str = Field(min_length=1, description="What the agent is told")


class Question(BaseModel):
    """What a model gives."""

    question: str = Field(min_length=1, description="The question, with all that is needed to answer it")


class AskHuman(Tool):
    """A question of an agent to a person: an approval with a form, in the inbox and under the cell.

    Called with options it gives itself with those options: `tools=[ai.ask_human(assignee="legal@company.com")]`.
    """

    def __init__(
        self,
        *,
        name: str = NAME,
        assignee: str | None = None,
        form: type[BaseModel] = HumanAnswer,
        timeout: timedelta | None = None,
    ) -> None:
        check_arguments("question", assignee, timeout, form, "reject")
        self.name = name
        self.description = DESCRIPTION
        self.arguments = Arguments(Question)
        self.assignee = assignee
        self.form = form
        self.timeout = timeout

    def __call__(
        self,
        *,
        name: str | None = None,
        assignee: str | None = None,
        form: type[BaseModel] | None = None,
        timeout: timedelta | None = None,
    ) -> AskHuman:
        """The same with options of its own.

        Args:
            name: What the model calls it; `ask_human` by default. Two that go to different people need two names.
            assignee: Who may answer; by default everybody who may see the run.
            form: A pydantic model the person fills in; by default one text.
            timeout: How long to wait; without end by default.

        Raises:
            AuthoringError: An option makes no sense.
        """
        return AskHuman(
            name=self.name if name is None else name,
            assignee=self.assignee if assignee is None else assignee,
            form=self.form if form is None else form,
            timeout=self.timeout if timeout is None else timeout,
        )

    async def call(self, arguments: Any, caller: Caller) -> Any:
        """Asks; gives the filled-in form, or that there is no answer.

        Raises:
            AuthoringError: No workflow runs, so nobody could be asked.
        """
        if not temporalio.workflow.in_workflow():
            raise AuthoringError(
                f"agent {caller.agent} asks a person, and only a workflow can: run it in a %%workflow cell",
                code="JW466",
            )
        said = await human_approval(
            f"Agent **{caller.agent}** asks:\n\n{arguments.question}",
            assignee=self.assignee,
            timeout=self.timeout,
            form=self.form,
        )
        if said.timed_out:
            return {"answered": False, "why": "nobody answered in time"}
        if not said:
            return {"answered": False, "why": said.comment or "the person did not want to answer"}
        comment = {"comment": said.comment} if said.comment else {}
        return {"answered": True, **said.form.model_dump(mode="json"), **comment}


ask_human = AskHuman()
