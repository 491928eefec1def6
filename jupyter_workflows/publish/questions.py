"""An approval as a form that an MCP client shows (elicitation), and its answer as a decision.

A client shows flat fields of plain types; what an approval asks beyond that is decided on the run's page.
https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
"""

from __future__ import annotations

import json
from typing import Any, cast

from ..runs.untrusted import printable
from ..schema.publishing import OpenQuestion
from .calls import Answer

VERDICT = "decision"
COMMENT = "comment"
FIELD = "form_"
PLAIN = ("string", "number", "integer", "boolean")
KEPT = ("type", "title", "description", "enum", "minimum", "maximum", "minLength", "maxLength", "format", "default")
FORMATS = ("email", "uri", "date", "date-time")
MAX_VALUE = 4_000


def requested_schema(question: OpenQuestion) -> dict[str, Any] | None:
    """The form of an approval; None where a client can't show it."""
    verdict = {"type": "string", "title": "Decision", "enum": ["approve", "reject"]}
    properties: dict[str, Any] = {VERDICT: verdict, COMMENT: {"type": "string", "title": "Comment"}}
    schema = question.form_schema or {}
    needed: list[str] = schema.get("required", [])
    for name, part in cast("dict[str, Any]", schema.get("properties", {})).items():
        field = plain_field(part, schema.get("$defs", {}))
        if field is not None:
            properties[FIELD + name] = field
        elif name in needed:
            return None
    # A rejection needs no form, so none of its fields is required here; the workflow's validator has the last word.
    return {"type": "object", "properties": properties, "required": [VERDICT]}


def plain_field(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """A field as a client shows it; None where it is not plain."""
    found = part
    if isinstance(reference := part.get("$ref"), str):
        found = {**definitions.get(reference.rpartition("/")[2], {}), **{k: v for k, v in part.items() if k != "$ref"}}
    if isinstance(choices := found.get("anyOf"), list):
        others = [each for each in cast("list[dict[str, Any]]", choices) if each.get("type") != "null"]
        if len(others) != 1:
            return None
        found = {**{key: value for key, value in found.items() if key != "anyOf"}, **others[0]}
    if found.get("type") not in PLAIN:
        return None
    kept = {key: value for key, value in found.items() if key in KEPT and value is not None}
    if kept.get("format") not in (None, *FORMATS):
        kept.pop("format")
    return kept


def message_of(question: OpenQuestion, tool: str, run: str) -> str:
    """What the client shows above the form."""
    lines = [question.message, f"Asked by run {run} of {tool}."]
    if question.has_editable:
        text = json.dumps(question.editable, indent=1, ensure_ascii=False)
        lines.append(f"It is about this value, which is approved as it is here:\n{printable(text, MAX_VALUE)}")
    if question.due_at:
        lines.append(f"To be decided until {question.due_at:%Y-%m-%d %H:%M} UTC.")
    return "\n\n".join(lines)


def answer_of(question: OpenQuestion, content: dict[str, Any] | None) -> Answer | None:
    """What a client sent as a decision; None where it decides nothing."""
    given = content or {}
    verdict = given.get(VERDICT)
    if verdict not in ("approve", "reject"):
        return None
    form = {key.removeprefix(FIELD): value for key, value in given.items() if key.startswith(FIELD)}
    return Answer(
        verdict=verdict,
        content_hash=question.content_hash,
        comment=str(given[COMMENT]) if given.get(COMMENT) else None,
        form=form if question.form_schema and (form or verdict == "approve") else None,
    )
