"""What a model writes is shown on the step that asked it."""

from __future__ import annotations

import pytest

from jupyter_workflows.testing import ModelServer
from jupyter_workflows.tokens import exchange
from tests.authoring.conftest import Engine

TEXT = "The sky scatters what is blue."
STEPS = "from jupyter_workflows import ai\n"


@pytest.mark.parametrize("inside", [False, True], ids=["in a workflow", "in an activity"])
async def test_a_chat_emits_its_tokens_on_its_step(engine: Engine, models: ModelServer, inside: bool) -> None:
    models.reply(TEXT)
    call = "(await ai.chat('Why is the sky blue?')).text"
    if inside:
        await engine.serve(
            "@workflow\nasync def talk() -> str:\n    return await ask()",
            STEPS + f"@activity\nasync def ask() -> str:\n    return {call}\n",
        )
    else:
        await engine.serve(STEPS + f"@workflow\nasync def talk() -> str:\n    return {call}")
    handle = await engine.start("talk")
    assert await handle.result() == TEXT
    text = exchange.texts(handle.first_execution_run_id or "").by_step["ask-1" if inside else "ai.chat-1"]
    assert (text.since(0), text.done) == (TEXT, True)
    assert text.number > 1, "piece by piece"
