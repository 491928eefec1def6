"""TypeScript sees the types that Python has: `schema` -> `schema.json` here, -> `schema.ts` in vitest."""

from __future__ import annotations

from .wire_schema import TARGET, wire_schema


# Stale: `python -m tests.live.wire_schema && npm run schema`.
def test_schema_json_is_the_schema_of_the_wire_types():
    assert TARGET.read_text(encoding="utf-8") == wire_schema(), (
        "stale: python -m tests.live.wire_schema && npm run schema"
    )
