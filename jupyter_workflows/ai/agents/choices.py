"""Tool calls of models that know JSON schemas only: each answer is one JSON object that says what to do.

The schema is a union, told apart by `action`: one variant for each tool, and one for the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..answers import ChatAnswer, ToolCall
from ..requests import ChatRequest, Message

ANSWER = "answer"
# The name of a tool call that is none: what was said obeys no variant.
MALFORMED = ""
ANSWER_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": ANSWER,
        "description": "Answers, when nothing else is to be done.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


def as_choice(request: ChatRequest, *, with_answer: bool) -> ChatRequest:
    """The request of a turn without tool calls: a schema says what the answer may be.

    Args:
        request: A request with tools.
        with_answer: Whether the model may answer in words, too.
    """
    tools = [*request.tools, *([ANSWER_TOOL] if with_answer else [])]
    messages = [said_plainly(message) for message in request.messages]
    guide = Message(role="system", content=guidance(tools))
    if messages and messages[0].role == "system":
        guide = Message(role="system", content=f"{messages.pop(0).content}\n\n{guide.content}")
    update = {"messages": [guide, *messages], "tools": [], "tool_choice": None, "answer_schema": choice_schema(tools)}
    return request.model_copy(update=update)


def choice_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The union of all that may be done."""
    definitions: dict[str, Any] = {}
    variants: list[dict[str, Any]] = []
    for tool in tools:
        function = tool["function"]
        parameters = hoisted(function["parameters"], function["name"], definitions)
        variants.append(
            {
                "type": "object",
                "properties": {"action": {"const": function["name"]}, "arguments": parameters},
                "required": ["action", "arguments"],
                "additionalProperties": False,
            }
        )
    schema: dict[str, Any] = variants[0] if len(variants) == 1 else {"anyOf": variants}
    return {**schema, "$defs": definitions} if definitions else schema


def hoisted(schema: Mapping[str, Any], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A schema whose own definitions stand at the root of another one, under names with a prefix."""
    for name, part in schema.get("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = renamed(part, prefix)
    return renamed({name: part for name, part in schema.items() if name != "$defs"}, prefix)


def renamed(schema: Any, prefix: str) -> Any:
    """A schema with the references to its definitions renamed."""
    if isinstance(schema, list):
        return [renamed(part, prefix) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    return {
        name: f"#/$defs/{prefix}.{value.removeprefix('#/$defs/')}"
        if name == "$ref" and isinstance(value, str)
        else renamed(value, prefix)
        for name, value in fields.items()
    }


def guidance(tools: Sequence[Mapping[str, Any]]) -> str:
    """What a model is told of its choices."""
    lines = ['Answer with one JSON object, {"action": ..., "arguments": {...}}. The actions:']
    for tool in tools:
        function = tool["function"]
        taken = ", ".join(function["parameters"].get("properties", {}))
        lines.append(f"- {function['name']}({taken}): {' '.join(str(function['description']).split())}")
    return "\n".join(lines)


def said_plainly(message: Message) -> Message:
    """A message without tool calls and tool roles, which such servers do not know."""
    if message.role == "tool":
        return Message(role="user", content=f"Result of {message.name}: {message.content}")
    if message.tool_calls:
        calls = [{"action": call.name, "arguments": call.arguments} for call in message.tool_calls]
        return Message(role="assistant", content="\n".join(json.dumps(call, ensure_ascii=False) for call in calls))
    return message


def chosen(answer: ChatAnswer, names: Sequence[str]) -> ChatAnswer:
    """What a model chose, as tool calls or as text; a malformed choice is a call without a name.

    Args:
        answer: What it said.
        names: The tools it may choose.
    """
    try:
        found: Any = json.loads(answer.text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        fields = cast("dict[str, Any]", found)
        action, arguments = fields.get("action"), fields.get("arguments")
        if action == ANSWER and ANSWER not in names and isinstance(arguments, dict):
            text = cast("dict[str, Any]", arguments).get("text")
            if isinstance(text, str) and text.strip():
                return answer.model_copy(update={"text": text})
        elif isinstance(action, str) and action and isinstance(arguments, dict):
            return called(answer, action, cast("dict[str, Any]", arguments))
    return called(answer, MALFORMED, answer.text)


def called(answer: ChatAnswer, name: str, arguments: Any) -> ChatAnswer:
    """The answer as one tool call."""
    call = ToolCall(id="choice", name=name, arguments=arguments)
    reason = answer.finish_reason if answer.finish_reason == "length" else "tool_calls"
    return answer.model_copy(update={"text": "", "tool_calls": [call], "finish_reason": reason})
