"""What an agent may do: call the notebook's steps, ask people, hand over, change shared state."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

import temporalio.workflow
from pydantic_core import to_jsonable_python

from ...authoring.definitions import Activity, Definition, Workflow, check_function
from ...authoring.steps import run_activity, run_child
from ...errors import AuthoringError, StepFailed
from ..options import SUMMARY_CHARACTERS
from .arguments import Arguments, arguments_of, without_titles
from .conversation import spelled
from .shared import SharedState

DESCRIPTION_CHARACTERS = 1000
TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Caller:
    """Who calls a tool."""

    agent: str


class Tool(ABC):
    """Something an agent may call.

    Attributes:
        name: What the model calls it.
        description: What the model is told of it.
        arguments: What it takes.
    """

    name: str
    description: str
    arguments: Arguments

    @property
    def schema(self) -> dict[str, Any]:
        """The tool as model servers take it."""
        function = {
            "name": self.name,
            "description": self.description[:DESCRIPTION_CHARACTERS],
            "parameters": without_titles(self.arguments.schema),
        }
        return {"type": "function", "function": function}

    @abstractmethod
    async def call(self, arguments: Any, caller: Caller) -> Any:
        """Does it; gives what the model is told.

        Args:
            arguments: What `arguments.read` gave.
            caller: Who wants it.

        Raises:
            StepFailed: It failed for good.
            ValueError: The call makes no sense; says why.
        """


class StepTool(Tool):
    """An activity or a workflow of the notebook, called as a step of its own.

    Args:
        definition: The activity or workflow.
    """

    def __init__(self, definition: Definition[Any, Any]) -> None:
        self.definition = definition
        self.name = definition.name
        self.description = inspect.getdoc(definition.fn) or f"Calls {definition.name}."
        self.arguments = arguments_of(definition)

    async def call(self, arguments: Any, caller: Caller) -> Any:
        """A durable step in a workflow, a plain call elsewhere."""
        definition = self.definition
        if not temporalio.workflow.in_workflow():
            return await called_plainly(definition, arguments)
        if isinstance(definition, Workflow):
            return await run_child(cast("Workflow[Any, Any]", definition), (), arguments)
        activity = cast("Activity[Any, Any]", definition)
        shown = f"{caller.agent}: {self.name}({spelled(to_jsonable_python(arguments, fallback=str))})"
        options = replace(activity.options, summary=activity.options.summary or shown[:SUMMARY_CHARACTERS])
        step = Activity[Any, Any](activity.fn, name=activity.name, options=options)
        step.location = activity.location
        return await run_activity(step, (), arguments)


async def called_plainly(definition: Definition[Any, Any], arguments: dict[str, Any]) -> Any:
    """A call of the function itself, where no workflow runs.

    Raises:
        StepFailed: It failed, or is a workflow, which runs in a workflow only.
    """
    if isinstance(definition, Workflow):
        raise StepFailed(
            f"{definition.name} is a workflow: it can be called where the agent runs in a workflow",
            step=definition.name,
            error_type="AuthoringError",
        )
    try:
        if inspect.iscoroutinefunction(definition.fn):
            return await definition.fn(**arguments)
        return await asyncio.to_thread(definition.fn, **arguments)
    except Exception as error:
        raise StepFailed(str(error), step=definition.name, error_type=type(error).__name__) from error


class LocalTool(Tool):
    """Something the loop itself does, without a step.

    Args:
        name: What the model calls it.
        description: What the model is told of it.
        arguments: What it takes.
        does: Does it.
    """

    def __init__(self, name: str, description: str, arguments: Arguments, does: Callable[[Any, Caller], Any]) -> None:
        self.name = name
        self.description = description
        self.arguments = arguments
        self._does = does

    async def call(self, arguments: Any, caller: Caller) -> Any:
        """Does it."""
        return self._does(arguments, caller)


def update_tool(state: SharedState[Any]) -> Tool:
    """The tool with which an agent changes the shared state."""
    fields: dict[str, Any] = without_titles(type(state.value).model_json_schema())
    changes: dict[str, Any] = {**fields, "required": [], "description": "The fields to change, with their new values"}
    definitions: dict[str, Any] = {"$defs": changes.pop("$defs")} if "$defs" in changes else {}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "version": {"type": "integer", "description": "The version of the state that you saw"},
            "changes": changes,
        },
        "required": ["version", "changes"],
        **definitions,
    }

    def update(given: dict[str, Any], caller: Caller) -> str:
        version, made = given.get("version"), given.get("changes")
        if not isinstance(version, int) or not isinstance(made, dict):
            raise ValueError("give version, a number, and changes, an object of fields")
        state.update(cast("dict[str, Any]", made), by=caller.agent, version=version)
        return f"the state is now version {state.version}"

    return LocalTool("update_state", "Changes the shared state.", Arguments(dict[str, Any], schema), update)


def tools_of(given: Iterable[Any], owner: str) -> list[Any]:
    """The tools an agent was given; plain functions of a notebook as the activities they become.

    Raises:
        AuthoringError: Something is no tool, or two have one name.
    """
    found = [tool_of(tool, owner) for tool in given]
    names = [tool.name for tool in found]
    for name in names:
        if names.count(name) > 1:
            raise AuthoringError(f"agent {owner} has two tools of the name {name}: rename one", code="JW462")
        if not TOOL_NAME.fullmatch(name):
            raise AuthoringError(
                f"tool {name!r} of agent {owner} has a name that models can't use: take letters, digits and _",
                code="JW462",
            )
    return found


def tool_of(tool: Any, owner: str) -> Any:
    """One tool.

    Raises:
        AuthoringError: It is none.
    """
    if isinstance(tool, Definition):
        return StepTool(cast("Definition[Any, Any]", tool))
    # MCP servers bring tools; `ask_human` is one.
    if isinstance(tool, Tool) or hasattr(tool, "tools_request"):
        return tool
    if not inspect.isfunction(tool) or tool.__name__ == "<lambda>":
        raise AuthoringError(
            f"agent {owner} can't use {str(tool)[:60]!r} as a tool: give it functions of the notebook, workflows, "
            "ai.ask_human or an ai.McpServer",
            code="JW462",
        )
    if temporalio.workflow.in_workflow():
        raise AuthoringError(
            f"tool {tool.__name__} of agent {owner} is a plain function here: name it in tools=[...] of ai.Agent(...), "
            "or write @activity above it",
            code="JW462",
        )
    check_function("activity", tool)
    return StepTool(Activity[Any, Any](tool))


def told(result: Any) -> str:
    """A tool's result as the model is told it."""
    if isinstance(result, str):
        return result
    return json.dumps(to_jsonable_python(result, fallback=str), ensure_ascii=False)
