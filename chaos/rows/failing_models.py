"""Row 9: model servers that are slow, busy, broken or cut off, and workers that die while one answers."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jupyter_workflows.testing import Call, Fault, ModelServer, Reply

from ..histories import Told
from ..kernels import Kernel
from ..processes import kill as kill_processes
from ..processes import of_role
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row
from .secrets import files_with

WAVE = 6
CALLS = 4
FAULTY = 2
LIMIT_SECONDS = 3.0
END_SECONDS = 90.0
KILLED = "worker killed"
KINDS: dict[str, list[Fault]] = {
    "60 s to the first token": [Fault("slow_first_token", seconds=60)],
    "a token each 10 s": [Fault("slow_tokens", seconds=10)],
    "429 three times": [Fault("rate_limited", retry_after=1)] * 3,
    "500 twice": [Fault("server_error")] * 2,
    "reset in the answer": [Fault("reset")],
    "200 with an error": [Fault("error_body")],
    KILLED: [Fault("stall", seconds=600)],
}
CELL = f"""
from jupyter_workflows import RetryPolicy, ai

@workflow
async def talk(name: str, limit_seconds: float) -> list[str]:
    retry = RetryPolicy(max_attempts=6, initial_interval=timedelta(milliseconds=50))
    limit = timedelta(seconds=limit_seconds)
    texts = []
    for number in range({CALLS}):
        limits = dict(first_token_timeout=limit, silence_timeout=limit) if number == {FAULTY} else {{}}
        texts.append((await ai.chat(f"{{name}}, {{number}}", model="m", retry=retry, **limits)).text)
    return texts
"""


@dataclass
class Talk:
    """A run whose third call meets a fault."""

    run: str
    kind: str
    left: list[Fault] = field(default_factory=list[Fault])

    @property
    def is_slow(self) -> bool:
        """Whether its call has to be given up; a machine that is slower still may do so once more."""
        return self.kind == KILLED or any(fault.kind.startswith("slow") for fault in KINDS[self.kind])

    def prompt(self, number: int) -> str:
        """What a call of it asks."""
        return f"{self.run}, {number}"


def answer(talks: dict[str, Talk], call: Call) -> Reply | Fault:
    """The next fault of a call, or the answer."""
    talk = talks.get(call.prompt)
    return talk.left.pop(0) if talk and talk.left else Reply(f"Answer to {call.prompt}.")


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Let run after run meet each kind of fault, in waves; the worker dies under a wave of its own."""
    kinds = [kind for _ in range(-(-count // len(KINDS))) for kind in stage.random.sample(list(KINDS), len(KINDS))]
    talks = [Talk(f"talk-{number}", kind, list(KINDS[kind])) for number, kind in enumerate(kinds[:count])]
    faulty = {talk.prompt(FAULTY): talk for talk in talks}
    with ModelServer(answer=lambda call: answer(faulty, call)) as server:
        stage.variables |= server.environment
        kernel = stage.kernel()
        kernel.run(CELL)
        patient = [talk for talk in talks if talk.kind != KILLED]
        for first in range(0, len(patient), WAVE):
            meet(stage, kernel, server, patient[first : first + WAVE], outcome)
        if dying := [talk for talk in talks if talk.kind == KILLED]:
            meet(stage, kernel, server, dying, outcome)
        stage.conclude(outcome)
        for folder in (stage.home.data, stage.folder):
            outcome.demand(not files_with(folder, server.key), f"the key is in {files_with(folder, server.key)}")
        # Ids stay readable where values are encrypted.
        outcome.demand(files_with(stage.home.data, talks[0].run), "the search for the key finds nothing at all")
    met = Counter(talk.kind for talk in talks)
    outcome.notes.append(", ".join(f"{kind} ({number})" for kind, number in met.items()))


def meet(stage: Stage, kernel: Kernel, server: ModelServer, talks: list[Talk], outcome: Outcome) -> None:
    """Start runs together, kill the worker where that is their fault, and see what each of them came to."""
    for talk in talks:
        limit = 600.0 if talk.kind == KILLED else LIMIT_SECONDS
        kernel.run(f"talk.options(id={talk.run!r}).start({talk.run!r}, {limit})")
    if talks[0].kind == KILLED:
        stage.eventually(lambda: all(not talk.left for talk in talks), END_SECONDS, "model call of each run")
        kill_processes(*of_role(stage.home.data, "host"))
    deadline = time.monotonic() + END_SECONDS
    for talk in talks:
        left = max(1.0, deadline - time.monotonic())
        check(server, talk, stage.eventually(lambda: ended(stage, talk.run), left, f"end of {talk.run}"), outcome)  # noqa: B023


def ended(stage: Stage, run: str) -> Told | None:
    """What became of a run, once it has ended."""
    found = stage.told(run)
    return found if found.status != "running" else None


def check(server: ModelServer, talk: Talk, told: Told, outcome: Outcome) -> None:
    """The right texts; what was answered was asked once, what failed was asked until it was answered."""
    wanted: list[Any] = [f"Answer to {talk.prompt(number)}." for number in range(CALLS)]
    if told.status != "completed" or told.result != wanted:
        outcome.lost += 1
        outcome.problems.append(f"{talk.run} ({talk.kind}): {told.status} {told.result!r} {told.failure}")
    calls = [call for call in list(server.calls) if call.prompt.startswith(f"{talk.run}, ")]
    asked = Counter(call.prompt for call in calls)
    for number in (number for number in range(CALLS) if number != FAULTY):
        if asked[talk.prompt(number)] != 1:
            outcome.repeated += 1
            outcome.problems.append(
                f"{talk.run} ({talk.kind}): call {number} was made {asked[talk.prompt(number)]} times"
            )
    made, needed = asked[talk.prompt(FAULTY)], len(KINDS[talk.kind]) + 1
    right = made >= needed if talk.is_slow else made == needed
    outcome.demand(right, f"{talk.run} ({talk.kind}): the failing call was made {made} times, wanted {needed}")
    moments = [call.at for call in calls if call.prompt == talk.prompt(FAULTY)]
    if len(moments) > 1:
        outcome.recoveries.append(moments[-1] - moments[0])


ROW = Row(
    "9",
    f"model servers that fail in the third of {CALLS} calls; seconds are those until the call that is answered, "
    f"{LIMIT_SECONDS:g} of them the limit of a slow one",
    30,
    300,
    play,
)
