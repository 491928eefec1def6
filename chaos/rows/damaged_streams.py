"""Row 10: answers that are no stream of events: cut, doubled, without end, ten megabytes on one line."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from jupyter_workflows.testing import Call, Fault, ModelServer, Reply

from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

WAVE = 20
GROWTH_MB = 32.0
SHAPED_EACH = 5
WHOLE = (
    b'id: 1\ndata: {"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, '
    b'"delta": {"content": "Gr\xc3\xbc\xc3\x9fe"}, "finish_reason": null}]}\n\n'
    b'id: 2\ndata: {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "!"}, '
    b'"finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\ndata: [DONE]\n\n'
)
JUNK = [b"\n", b"\r", b"\r\n\r\n", b"\x00", b"\xff", b"data: ", b"id:", b":", b"{", b"}", b'"']
JUNK += [b"null", b"1e999", b"[[[[", b"event: x\n"]
CLEAN_ENDS = frozenset({"answer", "garbage", "cut_off", "empty", "server_error"})
"""How a call may end that met a damaged stream."""
SHAPED: dict[str, tuple[Fault, str]] = {
    "half a character": (Fault("cut_utf8"), "garbage"),
    "no blank line": (Fault("no_blank_line"), "garbage"),
    "10 MB on a line": (Fault("long_line"), "too_large"),
    "no JSON": (Fault("garbage"), "garbage"),
    "every event twice": (Fault("duplicate_chunks"), "answer"),
    "no end": (Fault("never_ending"), "timeout"),
}
CELL = """
from jupyter_workflows import RetryPolicy, ai
from jupyter_workflows.errors import ModelCallFailed

async def end_of(prompt, seconds):
    try:
        answer = await ai.chat(prompt, model="m", retry=RetryPolicy(max_attempts=1), timeout=timedelta(seconds=seconds))
    except ModelCallFailed as error:
        return error.kind
    return f"answer {answer.text}"

@workflow
async def listen(prompts: dict[str, float]) -> list[str]:
    return await asyncio.gather(*(end_of(prompt, seconds) for prompt, seconds in prompts.items()))
"""


def damaged(choose: random.Random) -> bytes:
    """A right stream with pieces cut out, doubled, moved and put in."""
    data = WHOLE
    for _ in range(choose.randint(1, 4)):
        start = choose.randrange(len(data) + 1)
        end = min(len(data), start + choose.choice([0, 1, 2, 30, 300]))
        put = choose.choice([b"", data[start:end] * 2, choose.choice(JUNK), choose.choice(JUNK) * 500])
        data = data[:start] + put + data[end:]
    return data


def streams(choose: random.Random, count: int) -> dict[str, Fault]:
    """What the server sends to each prompt: each fifth a known shape, the others damaged by chance."""
    shapes = choose.sample(list(SHAPED), len(SHAPED))
    found: dict[str, Fault] = {}
    for number in range(count):
        if number % SHAPED_EACH:
            found[f"prompt {number}"] = Fault("raw", data=damaged(choose))
        else:
            shape = shapes[number // SHAPED_EACH % len(shapes)]
            found[f"prompt {number}: {shape}"] = SHAPED[shape][0]
    return found


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Send the worker broken streams, many at once; each of its steps ends, and it lives and does not grow."""
    sent = streams(stage.random, count)

    def answer(call: Call) -> Reply | Fault:
        return sent.get(call.prompt, Reply("Grüße!"))

    with ModelServer(answer=answer) as server:
        stage.variables |= server.environment
        kernel = stage.kernel()
        kernel.run(CELL)
        # What one takes that is used to many calls at once is no growth.
        many = {f"healthy {number}": 120.0 for number in range(2 * WAVE)}
        kernel.run(f"listen.options(id='healthy').start({many!r}).result(timeout=120)", seconds=130)
        before, memory = stage.hosts(), most_memory(stage)
        ends: Counter[str] = Counter()
        for first in range(0, count, WAVE):
            stage.keep_busy(kernel, 1, 4)
            prompts = {prompt: 3.0 if "no end" in prompt else 120.0 for prompt in list(sent)[first : first + WAVE]}
            told = kernel.value(
                f"listen.options(id='wave-{first}').start({prompts!r}).result(timeout=240)", seconds=250
            )
            for prompt, end in zip(prompts, told, strict=True):
                ends[end.partition(" ")[0]] += 1
                outcome.demand(is_clean(prompt, end), f"{prompt} ended in {end!r}: {sent[prompt]}")
        grown = most_memory(stage) - memory
        outcome.demand(stage.hosts() == before, f"the worker host was {before}, is {stage.hosts()}")
        outcome.demand(grown < GROWTH_MB, f"the worker host grew by {grown:.0f} MB")
        stage.conclude(outcome)
    outcome.notes.append(f"the worker grew by {max(0.0, grown):.0f} MB at most")
    outcome.notes.append("ended in " + ", ".join(f"{end} ({number})" for end, number in ends.most_common()))


def is_clean(prompt: str, end: str) -> bool:
    """Whether a call ended as it must: in our words, or in an answer that is one."""
    _, _, shape = prompt.partition(": ")
    if shape:
        return end.partition(" ")[0] == SHAPED[shape][1]
    return end.partition(" ")[0] in CLEAN_ENDS and end.strip() != "answer"


def most_memory(stage: Stage) -> float:
    """Megabytes that the worker hosts of notebooks had at most so far."""
    found = 0.0
    for pid in (pid for pid, _ in stage.hosts() if pid):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        found += sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    return found


ROW = Row(
    "10",
    "streams of a model with pieces cut out, doubled and put in, half characters, lines of 10 MB, no end",
    200,
    10_000,
    play,
)
