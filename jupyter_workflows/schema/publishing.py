"""Workflows that others call: what is published, who may call, and what a call is told of its run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .wire import Wire

CallStatus = Literal["running", "waiting", "completed", "failed", "cancelled", "terminated", "timed_out"]


class Published(Wire):
    """A workflow that others may call, on the bundle it was published with; a file of the home."""

    tool: str = Field(description="The name it is called by")
    workflow: str
    digest: str = Field(description="Of its bundle")
    description: str
    published_by: str
    published_at: datetime
    parameters_schema: dict[str, Any] = Field(default={})
    result_schema: dict[str, Any] = Field(default={})


class CallerToken(Wire):
    """A bearer token as it is stored: the text itself is shown once and kept nowhere."""

    id: str
    caller: str = Field(description="Who calls: starts runs and decides under this name")
    sha256: str = Field(description="Of the token's text")
    made_by: str
    made_at: datetime
    expires_at: datetime | None = None
    may_decide: bool = Field(default=False, description="Whether it may decide approvals of the runs it started")
    groups: list[str] = Field(default=[], description="The groups that an issuer says who calls is in")
    tools: list[str] | None = Field(default=None, description="What it may call; None: all that is published")


class RunCall(Wire):
    """In the memo of a run that was called: who called it, and how."""

    tool: str
    caller: str
    token: str = Field(description="Id of the token")
    way: Literal["mcp", "rest"]
    nonce: str = Field(description="Of the request that started it")
    arguments: str = Field(description="SHA-256 of the arguments, for requests that are repeated")


class OpenQuestion(Wire):
    """An approval that a run waits for, as its caller is shown it."""

    id: str
    message: str
    assignees: list[str] = Field(description="Who may decide; empty: everybody")
    can_decide: bool = Field(description="Whether this caller may")
    opened_at: datetime
    due_at: datetime | None = None
    form_schema: dict[str, Any] | None = None
    editable: Any = None
    has_editable: bool = False
    content_hash: str = Field(description="Of what is shown; to be sent with the decision")
    link: str | None = Field(default=None, description="Where a person decides")


class CalledRun(Wire):
    """A run as its caller is shown it."""

    run: str = Field(description="The run's id")
    tool: str
    status: CallStatus
    started_at: datetime
    closed_at: datetime | None = None
    steps_done: int = 0
    result: Any = None
    problem: str | None = Field(default=None, description="Why it ended without a result, as a sentence")
    approvals: list[OpenQuestion] = Field(default=[])


class Call(Wire):
    """Who called what, and which run it became."""

    tool: str
    caller: str
    at: datetime
    run: str
    status: str
    bundle: str | None = None
