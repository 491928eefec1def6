"""An approval as a form that an MCP client shows (elicitation), and its answer as a decision.

A client shows flat fields of plain types. A field that is more than that is asked for as a text of JSON, unless the
client can open the page on which approvals are decided.
https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from ..errors import ApprovalRefused
from ..runs.decisions import refuse_constant
from ..runs.untrusted import one_line, printable
from ..schema.publishing import OpenQuestion
from .calls import Answer

VERDICT = "decision"
COMMENT = "comment"
FIELD = "form_"
JSON_FIELD = "json_"
PLAIN = ("string", "number", "integer", "boolean")
KEPT = ("type", "title", "description", "enum", "minimum", "maximum", "minLength", "maxLength", "format", "default")
FORMATS = ("email", "uri", "date", "date-time")
SAMPLES = {"string": "text", "number": 0.5, "integer": 1, "boolean": True, "null": None}
MAX_DEPTH = 4
MAX_SAMPLED = 12
MAX_VALUE = 4_000

Fields = dict[str, Any]


def requested_schema(question: OpenQuestion) -> Fields:
    """The form of an approval, its fields flat and plain."""
    verdict = {"type": "string", "title": "Decision", "enum": ["approve", "reject"]}
    properties: Fields = {VERDICT: verdict, COMMENT: {"type": "string", "title": "Comment"}}
    for name, part, plain in fields_of(question):
        if plain is not None:
            properties[FIELD + name] = plain
        else:
            properties[JSON_FIELD + name] = json_field(name, part, (question.form_schema or {}).get("$defs", {}))
    # A rejection needs no form, so none of its fields is required here; the workflow's validator has the last word.
    return {"type": "object", "properties": properties, "required": [VERDICT]}


def is_flat(question: OpenQuestion) -> bool:
    """Whether a client shows the whole form of an approval as plain fields."""
    return all(plain is not None for _, _, plain in fields_of(question))


def fields_of(question: OpenQuestion) -> list[tuple[str, Fields, Fields | None]]:
    """Name, schema and plain form of each field; None for the form of a field that has none."""
    schema = question.form_schema or {}
    parts = cast("dict[str, Fields]", schema.get("properties", {}))
    return [(name, part, plain_field(part, schema.get("$defs", {}))) for name, part in parts.items()]


def resolved(part: Fields, definitions: Mapping[str, Fields]) -> Fields:
    """A schema in the place of the reference to it, and without the choice to leave it empty."""
    found = part
    for _ in range(MAX_DEPTH):
        if isinstance(reference := found.get("$ref"), str):
            rest = {key: value for key, value in found.items() if key != "$ref"}
            found = {**definitions.get(reference.rpartition("/")[2], {}), **rest}
        choices = cast("list[Fields]", found.get("anyOf", []))
        others = [each for each in choices if each.get("type") != "null"]
        if len(others) != 1:
            break
        found = {**others[0], **{key: value for key, value in found.items() if key != "anyOf"}}
    return found


def plain_field(part: Fields, definitions: Mapping[str, Fields]) -> Fields | None:
    """A field as a client shows it; None where it is not plain."""
    found = resolved(part, definitions)
    if found.get("type") not in PLAIN:
        return None
    kept = {key: value for key, value in found.items() if key in KEPT and value is not None}
    if kept.get("format") not in (None, *FORMATS):
        kept.pop("format")
    choices = kept.pop("enum", [found["const"]] if "const" in found else None)
    if choices is not None and kept["type"] == "string":
        kept["enum"] = choices
    elif choices is not None:
        # A client lets its user choose among texts only.
        listed = f"One of {', '.join(map(json.dumps, choices))}"
        kept["description"] = f"{kept['description']} {listed}" if "description" in kept else listed
    return kept


def json_field(name: str, part: Fields, definitions: Mapping[str, Fields]) -> Fields:
    """A field that is not plain, as a text."""
    found = resolved(part, definitions)
    like = json.dumps(sample(found, definitions), ensure_ascii=False)
    told = [found.get("description"), f"JSON such as {printable(like, MAX_VALUE)}"]
    field = {
        "type": "string",
        "title": f"{found.get('title') or name} (JSON)",
        "description": ". ".join(text.rstrip(".") for text in told if text),
    }
    return {**field, "default": json.dumps(part["default"])} if part.get("default") is not None else field


def sample(part: Fields, definitions: Mapping[str, Fields], depth: int = 0) -> Any:
    """A value of a schema's shape."""
    found = resolved(part, definitions)
    kind = found.get("type")
    if found.get("enum") or "const" in found:
        return found["enum"][0] if found.get("enum") else found["const"]
    if depth == MAX_DEPTH:
        return {} if kind == "object" else []
    if choices := found.get("anyOf") or found.get("oneOf"):
        return sample(choices[0], definitions, depth + 1)
    if kind == "object":
        parts = list(cast("dict[str, Fields]", found.get("properties", {})).items())[:MAX_SAMPLED]
        return {name: sample(inner, definitions, depth + 1) for name, inner in parts}
    if kind == "array":
        return [sample(found["items"], definitions, depth + 1)] if found.get("items") else []
    return SAMPLES.get(str(kind), "text")


def message_of(question: OpenQuestion, tool: str, run: str, *, on_page: bool = False) -> str:
    """What the client shows above the form, or before it opens the page."""
    lines = [question.message, f"Asked by run {run} of {tool}."]
    if question.has_editable:
        text = json.dumps(question.editable, indent=1, ensure_ascii=False)
        end = "" if on_page else ", which is approved as it is here"
        lines.append(f"It is about this value{end}:\n{printable(text, MAX_VALUE)}")
    if on_page:
        lines.append("It is decided on the page of the run.")
    elif not is_flat(question):
        lines.append(f"Fields marked (JSON) take JSON. In a form of its own it is decided {place_of(question, run)}.")
    if question.due_at:
        lines.append(f"To be decided until {question.due_at:%Y-%m-%d %H:%M} UTC.")
    return "\n\n".join(lines)


def place_of(question: OpenQuestion, run: str) -> str:
    """Where a person decides, whatever the client can show."""
    return f"at {question.link}" if question.link else f"by `jupyter workflows approve {run}`, or in JupyterLab's inbox"


def answer_of(question: OpenQuestion, content: Fields | None) -> Answer | None:
    """What a client sent as a decision; None where it decides nothing.

    Raises:
        ApprovalRefused: A field that takes JSON holds something else.
    """
    given = content or {}
    verdict = given.get(VERDICT)
    if verdict not in ("approve", "reject"):
        return None
    form = {key.removeprefix(FIELD): value for key, value in given.items() if key.startswith(FIELD)}
    for key, text in given.items():
        if key.startswith(JSON_FIELD) and text not in (None, ""):
            form[key.removeprefix(JSON_FIELD)] = read_json(key.removeprefix(JSON_FIELD), text)
    return Answer(
        verdict=verdict,
        content_hash=question.content_hash,
        comment=str(given[COMMENT]) if given.get(COMMENT) else None,
        form=form if question.form_schema and (form or verdict == "approve") else None,
    )


def read_json(name: str, text: Any) -> Any:
    """The value of a field that takes JSON.

    Raises:
        ApprovalRefused: It is none.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, TypeError, RecursionError):
        raise ApprovalRefused(
            f"the field {name} takes JSON, and {one_line(str(text), 80)!r} is none: a text needs quotes, an object "
            "braces"
        ) from None
