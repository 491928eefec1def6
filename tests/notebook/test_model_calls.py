"""Models in workflow code: what is bundled with a call, and a call that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Notebook

CALLS = """
from pydantic import BaseModel
from jupyter_workflows import Check, ai
class City(BaseModel):
    name: str
LIMIT = 3
def short(city):
    return None if len(city.name) > LIMIT else "too short"
@activity
def known(city: City) -> bool:
    return True
def asked(n):
    return f"city {n}"
@workflow
async def flow(n: int) -> str:
    check = Check(short, known, ai.judge("it is a city"), on_doubt="accept")
    first = await ai.parse(City, asked(n), check=check)
    second = await ai.chat("Go", check=lambda text: "no" if not text else None)
    return second.text
"""


def test_validators_of_a_check_are_bundled_as_what_they_are(notebook: Notebook) -> None:
    notebook.run_all(CALLS)
    sources = notebook.sources()
    assert "from jupyter_workflows import Check, ai" in sources["workflows"]
    assert "def known(" in sources["activities"]
    assert "def short(" in sources["workflows"] + sources["models"]
    assert "LIMIT = 3" in "".join(sources.values())
    manifest = notebook.bundle().manifest
    assert [activity.name for activity in manifest.activities] == ["known"]


def test_an_async_function_as_a_validator_is_a_step(notebook: Notebook) -> None:
    notebook.run_all(CALLS.replace("@activity\ndef known", "async def known"))
    manifest = notebook.bundle().manifest
    assert [activity.name for activity in manifest.activities] == ["known"]
    assert "Check(short, known" in notebook.sources()["workflows"]


def test_a_call_that_nobody_waits_for_is_refused(refused: Callable[[str], None]) -> None:
    refused("""
from jupyter_workflows import ai
@workflow
async def flow(n: int) -> int:
    ai.chat("Go") #! JW214
    return n
""")


def test_the_official_client_is_refused_in_workflow_code(refused: Callable[[str], None]) -> None:
    refused("""
from mistralai.client import Mistral
@workflow
async def flow(n: int) -> int:
    Mistral(api_key="x") #! JW307
    return n
""")
