"""What a scripted model server was asked, and what it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

VECTOR_LENGTH = 8


@dataclass(frozen=True)
class Call:
    """One request that the server got.

    Attributes:
        path: Path of the request, such as `/v1/chat/completions`.
        body: The JSON that was sent.
        key_ok: Whether it carried the server's key.
        at: When it came, in seconds of `time.monotonic`.
    """

    path: str
    body: dict[str, Any]
    key_ok: bool
    at: float = field(default_factory=time.monotonic)

    @property
    def prompt(self) -> str:
        """The text of the last message; empty where there is none."""
        messages: list[dict[str, Any]] = self.body.get("messages") or [{}]
        return text_of(messages[-1].get("content"))

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer has to obey; None where none was asked for."""
        wanted: dict[str, Any] = self.body.get("response_format") or {}
        named: dict[str, Any] = wanted.get("json_schema") or {}
        return named.get("schema")


@dataclass(frozen=True)
class Reply:
    """One scripted answer.

    Args:
        text: What the model says; anything but a text is sent as its JSON.
        tool_calls: Tools the model wants called: name and arguments of each.
        tokens_per_second: How fast the tokens come; all at once by default.
        finish_reason: Why the answer ends; `"stop"`, or `"tool_calls"` where there are some.
        input_tokens: Tokens of the prompt, for the usage; one for each word by default.
        model: The model's name in the answer; the one asked for by default.
    """

    text: Any = ""
    tool_calls: Sequence[tuple[str, Any]] = ()
    tokens_per_second: float | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    model: str | None = None

    @property
    def content(self) -> str:
        """The answer as text."""
        return self.text if isinstance(self.text, str) else json.dumps(self.text, ensure_ascii=False)

    @property
    def tokens(self) -> list[str]:
        """The answer in pieces: words with the blank before them."""
        words = self.content.split(" ")
        return [word if number == 0 else f" {word}" for number, word in enumerate(words)] if self.content else []

    @property
    def reason(self) -> str:
        """Why the answer ends."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    def calls(self) -> list[dict[str, Any]]:
        """The tool calls as they are sent."""
        return [
            {
                "id": f"call{number:05d}",
                "type": "function",
                "index": number,
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for number, (name, given) in enumerate(self.tool_calls)
        ]

    def usage(self, call: Call) -> dict[str, int]:
        """What the answer took."""
        messages = cast("list[dict[str, Any]]", call.body.get("messages") or [])
        words = sum(len(text_of(message.get("content")).split()) for message in messages)
        given = words if self.input_tokens is None else self.input_tokens
        made = len(self.tokens) + len(self.tool_calls)
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def text_of(content: Any) -> str:
    """The text of a message's content, which may come in parts."""
    if isinstance(content, str):
        return content
    parts = cast("list[dict[str, Any]]", content if isinstance(content, list) else [])
    return " ".join(str(part.get("text", "")) for part in parts)


def usual_reply(call: Call) -> Reply:
    """What the server answers where nothing is scripted: JSON that obeys the schema, or the prompt said back."""
    if call.schema is not None:
        return Reply(example(call.schema, call.schema))
    return Reply(f"You said: {call.prompt}")


def example(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that obeys a JSON schema of the kind pydantic writes."""
    if depth > 20:
        return None
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return example(root.get("$defs", {}).get(name, {}), root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example(schema[key][0], root, depth + 1)
    return example_of_type(schema, root, depth)


def example_of_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    """A value of the type that a schema names."""
    match schema.get("type"):
        case "object":
            properties: dict[str, Any] = schema.get("properties", {})
            return {name: example(part, root, depth + 1) for name, part in properties.items()}
        case "array":
            return [example(schema.get("items", {}), root, depth + 1) for _ in range(schema.get("minItems", 1))]
        case "integer":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "number":
            return float(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "boolean":
            return True
        case "string":
            return "text".ljust(schema.get("minLength", 0), "x")
        case _:
            return None


def vector(text: str) -> list[float]:
    """A vector for a text: the same for the same text."""
    import hashlib

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return [(byte - 128) / 128 for byte in digest[:VECTOR_LENGTH]]
