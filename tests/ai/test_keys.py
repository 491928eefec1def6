"""A key is nowhere but in the environment: not in the notebook, the bundle, history, logs or errors."""

from __future__ import annotations

from pathlib import Path

import nbformat

from jupyter_workflows.local.paths import Home
from jupyter_workflows.testing import ModelServer
from tests.ai.test_deaths import files_with
from tests.kernels import errors, run_cells

CELLS = [
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import Check, RetryPolicy, ai",
    """
import os
from pydantic import BaseModel

class City(BaseModel):
    name: str

def known(city):
    return None if city.name else "it has no name"

async def shout(text):
    answer = await ai.chat(f"Shout {text}")
    return answer.text.upper()

async def leak():
    raise RuntimeError("the key is " + os.environ["MISTRAL_API_KEY"])
""",
    """
%%workflow
async def talk(topic: str) -> list[str]:
    city = await ai.parse(City, f"The capital of {topic}", check=Check(known, on_doubt="fail"))
    loud = await shout(topic)
    failed = []
    for step in (ai.chat("refused", retry=RetryPolicy(max_attempts=1)), leak()):
        try:
            await step
        except Exception as error:
            failed.append(str(error))
    return [city.value.name, loud, *failed]
""",
    "run = talk.start('France')\nresult = await run\nrun",
    "print(result, run.usage.calls, [(step.id, step.summary) for step in run.steps()])",
    "await ai.chat('here')",
]


def test_a_key_is_in_none_of_the_artefacts(own_home: Home, models: ModelServer, tmp_path: Path) -> None:
    models.reply({"name": "Paris"})
    models.reply("france")
    echo = f'{{"message": "Incorrect API key: {models.key}"}}'
    for _ in range(2):
        models.fault("status", status=401, body=echo)
    notebook = run_cells(CELLS, home=own_home.data, folder=tmp_path, may_raise=[5])
    assert errors(notebook) == {5: "ModelCallFailed"}
    said = notebook.cells[4].outputs[0].text
    assert "['Paris', 'FRANCE'," in said
    assert "Incorrect API key: [redacted]" in said
    assert "the key is [redacted]" in said
    assert "('ai.parse-1', 'The capital of France')" in said
    assert models.count == 4
    assert models.key not in nbformat.writes(notebook)
    assert files_with(own_home.data, "The capital of France") != [], "the search would find what is there"
    assert files_with(own_home.data, models.key) == []
    assert files_with(tmp_path, models.key) == []
