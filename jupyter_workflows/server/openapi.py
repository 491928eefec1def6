"""The description of the REST operations as OpenAPI 3.1, made from their table and types."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from .. import __version__
from ..live.problems import ErrorAnswer, phrase
from .operations import OPERATIONS, Operation

REFERENCE = "#/components/schemas/{model}"
PARAMETER = re.compile(r"\{(\w+)\}")


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    asked = [operation.body for operation in OPERATIONS if operation.body]
    answered = [operation.answer for operation in OPERATIONS]
    modes: list[Any] = [(model, "validation") for model in dict.fromkeys(asked)]
    modes += [(model, "serialization") for model in dict.fromkeys([*answered, ErrorAnswer])]
    references, definitions = models_json_schema(modes, ref_template=REFERENCE)
    schemas: dict[Any, Any] = dict(references)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/{operation.path}", {})[operation.method.lower()] = described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter-workflows",
            "version": __version__,
            "description": "Paths are below `<base_url>jupyter-workflows` of a Jupyter server.",
        },
        "servers": [{"url": "/jupyter-workflows"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`token <token>`"}
            },
        },
    }


def described(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    """One operation."""
    content = {"application/json": {"schema": schemas[operation.answer, "serialization"]}}
    failed = {"application/json": {"schema": schemas[ErrorAnswer, "serialization"]}}
    found: dict[str, Any] = {
        "operationId": operation.call.__name__,
        "summary": (operation.call.__doc__ or "").strip().splitlines()[0],
        "description": f"Needs the right `{operation.right}`.",
        "parameters": [*path_parameters(operation), *query_parameters(operation)],
        "responses": {
            str(operation.status): {"description": phrase(operation.status), "content": content},
            "default": {"description": "It was not done; says why.", "content": failed},
        },
    }
    if operation.body is not None:
        sent = {"application/json": {"schema": schemas[operation.body, "validation"]}}
        found["requestBody"] = {"required": bool(operation.body.model_json_schema().get("required")), "content": sent}
    return found


def path_parameters(operation: Operation) -> list[dict[str, Any]]:
    """The parameters in the path."""
    names = PARAMETER.findall(operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def query_parameters(operation: Operation) -> list[dict[str, Any]]:
    """The parameters after the path."""
    schema = operation.query.model_json_schema()
    return [
        {"name": name, "in": "query", "required": False, "schema": part}
        for name, part in schema.get("properties", {}).items()
    ]
