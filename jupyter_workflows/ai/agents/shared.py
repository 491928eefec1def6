"""State that agents and workflow code share: it lives in the workflow, and every change of it has a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

import temporalio.workflow
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python

from ...authoring.edits import edits
from ...errors import AuthoringError
from ...schema import Edit
from .clock import now

S = TypeVar("S", bound=BaseModel)


class Change(BaseModel):
    """One change of a shared state: who made which version of the one before, and how."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    version: int
    by: str
    at: datetime
    edits: list[Edit]


class Outdated(ValueError):
    """A change was made to a version that is no longer the newest."""


class SharedState(Generic[S]):
    """A pydantic model that several agents read and change, with a version that grows with each change.

    Agents that are given it (`agent.run(..., state=state)`) see it before each turn and change it with the tool
    `update_state`, naming the version they saw: who comes second is told what has changed and asks again. Make it
    inside the workflow; as part of the run it survives every restart.

    Attributes:
        value: The state now; immutable, `update` gives it another one.
        version: Its number; the first is 1.
        changes: What was changed, by whom, in order.

    Args:
        value: What it begins with.

    Raises:
        AuthoringError: The value is no pydantic model.
    """

    def __init__(self, value: S) -> None:
        if not isinstance(value, BaseModel):
            raise AuthoringError(
                f"SharedState({type(value).__name__}) takes an instance of a pydantic model", code="JW465"
            )
        self.value = value.model_copy(deep=True)
        self.version = 1
        self.changes: list[Change] = []
        self._in_workflow = temporalio.workflow.in_workflow()

    def update(self, changes: Mapping[str, Any], *, by: str = "workflow", version: int | None = None) -> S:
        """Changes some fields; gives the new value.

        Args:
            changes: Fields and their new values.
            by: Who changes it.
            version: The version that was looked at; by default the newest.

        Raises:
            Outdated: Another version is the newest by now.
            ValueError: The new values do not fit the model.
            AuthoringError: The state was made outside of the workflow that changes it.
        """
        if temporalio.workflow.in_workflow() and not self._in_workflow:
            raise AuthoringError(
                "this SharedState was made outside of the workflow, so all runs would share it: make it inside",
                code="JW465",
            )
        if version is not None and version != self.version:
            raise Outdated(f"version {version} is outdated, version {self.version} is now: {self.text}")
        fields = type(self.value).model_fields
        if unknown := [name for name in changes if name not in fields]:
            raise ValueError(f"the state has no {unknown[0]!r}; it has {', '.join(fields)}")
        before = to_jsonable_python(self.value)
        given = {**cast("dict[str, Any]", before), **to_jsonable_python(dict(changes))}
        self.value = type(self.value).model_validate(given)
        self.version += 1
        difference = edits(before, to_jsonable_python(self.value))
        self.changes.append(Change(version=self.version, by=by, at=now(), edits=difference))
        return self.value

    @property
    def text(self) -> str:
        """The state as JSON."""
        return json.dumps(to_jsonable_python(self.value), ensure_ascii=False)
