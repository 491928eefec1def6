"""The JSON Schema that TypeScript is generated from; `python -m tests.live.wire_schema` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from jupyter_workflows import schema
from jupyter_workflows.live import messages
from jupyter_workflows.schema import dashboards, schedules

TARGET = Path(__file__).parents[2] / "labextension" / "src" / "schema.json"


def wire_types() -> list[type[schema.Wire]]:
    found = [
        value
        for module in (schema, dashboards, schedules, messages)
        for value in vars(module).values()
        if isinstance(value, type)
    ]
    return [value for value in dict.fromkeys(found) if issubclass(value, schema.Wire) and value is not schema.Wire]


def as_sent(node: Any) -> Any:
    """As TypeScript needs it: all fields are sent, `Any` is `unknown`, properties have no types of their own."""
    if isinstance(node, list):
        return [as_sent(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    entries = cast("dict[str, Any]", node)
    made = {key: as_sent(value) for key, value in entries.items() if key != "title" or isinstance(value, dict)}
    if isinstance(made.get("properties"), dict) and "type" in made:
        made["required"] = list(made["properties"])
        properties = made["properties"].items()
        made["properties"] = {name: {"tsType": "unknown"} | part if is_any(part) else part for name, part in properties}
    return made


def is_any(part: dict[str, Any]) -> bool:
    return not part.keys() & {"type", "$ref", "anyOf", "allOf", "enum", "const"}


def wire_schema() -> str:
    _, definitions = models_json_schema(
        [(model, "serialization") for model in wire_types()], ref_template="#/$defs/{model}"
    )
    return json.dumps(as_sent({"$defs": definitions["$defs"], "type": "object"}), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(wire_schema(), encoding="utf-8")
