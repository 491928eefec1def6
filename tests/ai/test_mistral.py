"""Mistral's own server, for who has a key: `MISTRAL_API_KEY=... pytest tests/ai/test_mistral.py`, some hundred tokens.

Without a key it is skipped; all other tests ask servers on loopback and no test but these reads the key.
"""

from __future__ import annotations

import os

import pytest
from pydantic import BaseModel

from jupyter_workflows import ai
from tests.authoring.conftest import Engine

KEY = os.environ.get("MISTRAL_API_KEY")

pytestmark = [
    pytest.mark.skipif(not KEY, reason="asks Mistral's own server: needs MISTRAL_API_KEY"),
    pytest.mark.timeout(300),
]


class City(BaseModel):
    name: str
    country: str


@pytest.fixture(autouse=True)
def _key(_no_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, which the other tests take away."""
    monkeypatch.setenv("MISTRAL_API_KEY", KEY or "")


async def test_chat_parse_and_embed() -> None:
    answer = await ai.chat("Say hello in French, in one word.", temperature=0, max_tokens=10)
    assert "bonjour" in answer.text.casefold()
    assert not answer.usage.estimated
    city = (await ai.parse(City, "The capital of France", temperature=0, max_tokens=100)).value
    assert city.name == "Paris"
    first, second = (await ai.embed(["a cat", "a dog"])).vectors
    assert len(first) == len(second) > 100


async def test_an_agent_calls_a_tool_and_hands_over(engine: Engine) -> None:
    await engine.serve(
        "from jupyter_workflows import ai\n"
        'closer = ai.Agent("closer", instructions="Say in a sentence what was found.", max_tokens=100)\n'
        'finder = ai.Agent("finder", instructions="Call price, then hand over to the closer.", tools=[price], '
        "handoffs=[closer], answers=False, temperature=0, max_tokens=200)\n"
        "@workflow\nasync def sell(task: str) -> list[str]:\n"
        "    result = await finder.run(task)\n    return [result.agent, result.text]",
        '@activity\ndef price(article: str) -> int:\n    """The price of an article in euros."""\n    return 4711\n',
    )
    agent, text = await engine.run("sell", "What does a chair cost?")
    assert agent == "closer"
    assert "4711" in text.replace(",", "").replace(".", "").replace(" ", "")
