"""Records `histories/two_agents.json` anew: `python -m pytest tests/ai/record.py`; not part of the suite."""

from __future__ import annotations

import json

from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import Engine
from tests.runs.record import impersonal

from .test_agents import AI, HISTORY, MEMO, STEPS, TEAM, two_agents


async def test_record_two_agents(engine: Engine, models: ModelServer) -> None:
    two_agents(models)
    await engine.serve(AI + TEAM, STEPS, AI + MEMO)
    handle = await engine.start("memo", "Add.")
    await handle.result()
    events = json.loads((await handle.fetch_history()).to_json())["events"]
    HISTORY.write_text(json.dumps({"events": impersonal(events)}, separators=(",", ":")) + "\n")
