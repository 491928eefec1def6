"""What a model was asked and what it answered, read off a step."""

from __future__ import annotations

from typing import Any, cast

from ...schema import Step
from ...security.canonical import canonical, digest
from .evidence import Evidence, finite

# The names of the activities that every worker serves for model calls: see `ai.activities`.
PREFIX = "ai."
PROMPTS = ("messages", "texts", "document")
ANSWERS = ("text", "tool_calls", "pages")
NO_PARAMETERS = {"model", "server", "rate_limit", *PROMPTS}


def call_of(step: Step, evidence: Evidence) -> dict[str, Any] | None:
    """A model call: which model was asked, how, what, and what it answered; None for another step.

    Args:
        step: The step with its input and output.
        evidence: Says whether prompt and answer stand in full or as hashes.
    """
    given = step.input[0] if isinstance(step.input, list) and step.input else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if step.kind != "activity" or not step.name.startswith(PREFIX) or not isinstance(given, dict):
        return None
    request = cast("dict[str, Any]", given)
    output = step.output
    answer = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
    found: dict[str, Any] = {
        "answered_by": answer.get("model"),
        "asked_model": request.get("model"),
        "finish_reason": answer.get("finish_reason"),
        "parameters": {
            name: finite(value) for name, value in request.items() if name not in NO_PARAMETERS and value is not None
        },
        "prompt": evidence.told(next((request[name] for name in PROMPTS if name in request), None)),
        "server": request.get("server"),
    }
    told = {name: answer[name] for name in ANSWERS if answer.get(name)}
    found["answer"] = evidence.told(told or None)
    if "vectors" in answer:
        text = canonical(finite(answer["vectors"]))
        found["answer"] = {"sha256": digest(text), "vectors": len(answer["vectors"])}
    return found
