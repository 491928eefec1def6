"""Every way in which a model server can fail ends in the right outcome, within its limit; writes the reference's table.

`UPDATE_FAULTS=1` writes what was seen into docs/reference/model-faults.md, for a look with `git diff`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chaos.rows.damaged_streams import CLEAN_ENDS, damaged
from jupyter_workflows import ai
from jupyter_workflows.ai.faults import LONGEST_WAIT, message_in, wait_asked_for
from jupyter_workflows.errors import CheckFailed, ModelCallFailed
from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import Engine

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "model-faults.md"
BEGIN, END = "<!-- table: written by tests/ai/test_faults.py -->", "<!-- end of table -->"
# Short only where a fault has to run into it: a slow machine must not look like a slow server.
LIMITS = {"first_token_timeout": 90.0, "silence_timeout": 90.0, "timeout": 120.0}
SHORT_LIMITS = {
    "slow_first_token": {"first_token_timeout": 3.0},
    "stall": {"silence_timeout": 3.0},
    "never_ending": {"timeout": 6.0},
}
# All attempts of a call, each up to its limit, and the machine's own slowness.
PATIENCE_SECONDS = 150


@dataclass(frozen=True)
class Case:
    """One fault and what it looks like to a reader of the reference."""

    kind: str
    words: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def server(self) -> str:
        return f"faulty{CASES.index(self)}"

    @property
    def limits(self) -> dict[str, float]:
        return LIMITS | SHORT_LIMITS.get(self.kind, {})

    def script(self, server: ModelServer, times: int = 1) -> None:
        server.fault(self.kind, times=times, **self.options)  # pyright: ignore[reportArgumentType]


CASES = [
    Case("rate_limited", "429"),
    Case("rate_limited", "429 with `Retry-After`", {"retry_after": 1}),
    Case("server_error", "500"),
    Case("status", "503", {"status": 503}),
    Case("status", "529, unknown status", {"status": 529}),
    Case("status", "400", {"status": 400}),
    Case("status", "401", {"status": 401}),
    Case("status", "404", {"status": 404}),
    Case("status", "422", {"status": 422}),
    Case("redirect", "redirect"),
    Case("refused", "hangs up at once"),
    Case("reset", "reset in the answer"),
    Case("error_body", "200 with an error"),
    Case("slow_first_token", "slow first token"),
    Case("stall", "silence, line kept open"),
    Case("slow_tokens", "a token each 0.2 s", {"seconds": 0.2}),
    Case("cut_stream", "end in the middle"),
    Case("garbage", "events that are no JSON"),
    Case("wrong_json", "JSON of another shape"),
    Case("cut_json", "JSON cut off"),
    Case("duplicate_chunks", "every event twice"),
    Case("long_line", "an event of 10 MB"),
    Case("no_blank_line", "events never closed"),
    Case("cut_utf8", "half a character"),
    Case("never_ending", "tokens without end"),
    Case("empty", "nothing in the answer"),
]


SHAPES = ("wrong_json", "cut_json")


class Word(BaseModel):
    word: str


@contextlib.contextmanager
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModelServer]]:
    """A server for each case, named in the environment."""
    with contextlib.ExitStack() as stack:
        found: dict[str, ModelServer] = {}
        for case in CASES:
            server = found[case.server] = stack.enter_context(ModelServer())
            monkeypatch.setenv(f"{case.server.upper()}_SERVER_URL", server.url)
            monkeypatch.setenv(f"{case.server.upper()}_API_KEY", server.key)
        yield found


async def plainly(case: Case, server: ModelServer) -> str:
    """What a plain call notices, and whether it would be tried again."""
    case.script(server, times=2 if case.kind in SHAPES else 1)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            limits: Any = {name: timedelta(seconds=seconds) for name, seconds in case.limits.items()}
            await ai.parse(Word, "Go", server=case.server, model="m", check=ai.Check(repairs=1), **limits)
    except ModelCallFailed as error:
        assert str(error).startswith(("the model server", "the connection to the model server"))  # noqa: PT017 - which case is known only here
        return f"`{error.kind}` | {'yes' if error.retryable else 'no'}"
    except CheckFailed:
        return "no value of the type | asked again, with what is wrong"
    return "nothing wrong | no"


WORKFLOW = """
from jupyter_workflows import ai
from jupyter_workflows.errors import ModelCallFailed
from pydantic import BaseModel

class Word(BaseModel):
    word: str

@workflow
async def ask(server: str, limits: dict[str, float]) -> list[str]:
    retry = RetryPolicy(max_attempts=10, initial_interval=timedelta(milliseconds=50))
    given = {name: timedelta(seconds=seconds) for name, seconds in limits.items()}
    try:
        answer = await ai.parse(Word, "Go", server=server, model="m", retry=retry, **given)
    except ModelCallFailed as error:
        return ["failed", str(error)]
    return ["answered", answer.value.word]
"""


async def durably(engine: Engine, case: Case, server: ModelServer) -> str:
    """How a step ends on it."""
    case.script(server)
    before = server.count
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcome, said = await engine.run("ask", case.server, case.limits)
    calls = server.count - before
    if outcome == "failed":
        assert calls == 1, "what does not pass is not tried again"
        return "a failure that says what to do"
    assert said == "text"
    if calls == 1:
        return "the answer"
    return "the answer of a repair" if case.kind in SHAPES else "the answer of the next attempt"


async def seen(engine: Engine, case: Case, server: ModelServer) -> str:
    """A row of the table."""
    return f"| {case.words} | {await plainly(case, server)} | {await durably(engine, case, server)} |"


@pytest.mark.timeout(400)
async def test_every_fault_ends_in_the_outcome_of_the_reference(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.serve(WORKFLOW)
    with servers(monkeypatch) as found:
        rows = await asyncio.gather(*(seen(engine, case, found[case.server]) for case in CASES))
    head = "| the server sends | noticed as | tried again | a step ends with |\n|---|---|---|---|"
    table = f"{BEGIN}\n\n{head}\n" + "\n".join(rows) + f"\n\n{END}"
    text = PAGE.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    if os.environ.get("UPDATE_FAULTS"):
        PAGE.write_text(text[:start] + table + text[end:], encoding="utf-8")
    assert table == PAGE.read_text(encoding="utf-8")[start : start + len(table)]


async def test_a_server_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as server:
        url = server.url
    monkeypatch.setenv("MISTRAL_SERVER_URL", url)
    with pytest.raises(ModelCallFailed, match="can't be reached") as caught:
        await ai.chat("Go")
    assert (caught.value.kind, caught.value.retryable) == ("unreachable", True)


async def test_a_key_that_a_server_repeats_is_not_shown(models: ModelServer) -> None:
    models.fault("status", status=401, body=f'{{"message": "Incorrect API key provided: {models.key}"}}')
    with pytest.raises(ModelCallFailed) as caught:
        await ai.chat("Go")
    assert "Incorrect API key provided: [redacted]" in str(caught.value)
    assert models.key not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_an_answer_larger_than_any_is_ended_without_holding_it(models: ModelServer) -> None:
    models.fault("long_line")
    began = time.monotonic()
    with pytest.raises(ModelCallFailed, match="more than 1 MB") as caught:
        await ai.chat("Go")
    assert caught.value.kind == "too_large"
    assert time.monotonic() - began < PATIENCE_SECONDS


FUZZED = int(os.environ.get("FUZZED_STREAMS", "200"))


async def test_damaged_streams_end_in_an_answer_or_a_failure_in_our_words(models: ModelServer) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    choose = random.Random(seed)
    ends: Counter[str] = Counter()
    for number in range(FUZZED):
        data = damaged(choose)
        models.fault("raw", data=data)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await ai.chat("Go")
        except ModelCallFailed as error:
            ends[error.kind] += 1
            assert error.kind in CLEAN_ENDS, (seed, number, data, str(error))  # noqa: PT017
        else:
            ends["answer"] += 1
            assert answer.text.strip(), (seed, number, data)
    assert len(ends) > 1, (seed, ends)


async def test_a_cancelled_call_hangs_up(models: ModelServer) -> None:
    models.fault("stall", seconds=600)
    call = asyncio.ensure_future(ai.chat("Go"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not models.count:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    models.reply("fine")
    assert (await ai.chat("Go")).text == "fine"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "1500"}, 1.5),
        ({"Retry-After": "99999999999"}, LONGEST_WAIT.total_seconds()),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_asked_for(headers) == (None if seconds is None else timedelta(seconds=seconds))


def test_retry_after_may_be_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    found = wait_asked_for({"Retry-After": format_datetime(moment, usegmt=True)})
    assert found is not None
    assert timedelta(seconds=80) < found <= timedelta(seconds=100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"message": "no"}', "no"),
        ('{"error": {"message": "no"}}', "no"),
        ('{"detail": [{"msg": "no"}]}', '[{"msg": "no"}]'),
        ("<html> no\n way</html>", "<html> no way</html>"),
        ("{}", ""),
    ],
)
def test_what_a_server_says_is_found_in_its_error(body: str, message: str) -> None:
    assert message_in(body) == message
