"""What steps write reaches code: in order, whole, by attempt, without events and without holding anybody up."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.schema import Token
from jupyter_workflows.tokens.following import sockets
from tests.conftest import eventually

from .conftest import Writers, joined

HOSTILE = [
    "<script>alert(1)</script>\n",
    "\x1b[2J\x00\x07",
    "\U0001f600\u202e",
    "\ud83d",
    "\ude00",
    "é" * 5_000,
    '{"synced": 1}\n',
    "\r\n\u2028",
    "x" * 300_000,
]


def read_until(run: Run[object], text: str, step: str = "write-1") -> list[Token]:
    """The pieces until a step has written this text."""
    seen: list[Token] = []
    for token in run.tokens():
        seen.append(token)
        if joined(seen, step) == text:
            break
    return seen


def worker_of(writers: Writers) -> psutil.Process:
    """The worker host of the writers; other tests' kernels have hosts of their own."""
    pid = writers.runs.host().pid
    assert pid
    return psutil.Process(pid)


def socket_of(writers: Writers) -> Path:
    """Where that host tells what its steps write."""
    pid = writers.runs.host().pid
    return next(path for path in sockets(writers.runs.runtime.home.tokens) if path.name.startswith(f"{pid}-"))


def test_pieces_come_in_order_while_the_step_runs(writers: Writers, until: Path):
    pieces = [f"token {number} " for number in range(200)]
    run = writers.start("writer", pieces, 0.002, str(until))
    seen: list[Token] = []
    for token in run.tokens():
        seen.append(token)
        if joined(seen) == "".join(pieces) and not until.exists():
            assert run.status == "running"
            assert token.number == 200
            until.touch()
    assert joined(seen) == "".join(pieces)
    assert seen[-1].done
    assert len(seen) > 20, "they came one after the other, not all at the end"
    assert run.result(timeout=60) == "".join(pieces)


async def test_late_and_second_readers_get_what_was_so_far(writers: Writers, until: Path):
    run = writers.start("writer", ["one ", "two ", "three "], 0.0, str(until))
    first = await asyncio.to_thread(read_until, run, "one two three ")
    assert joined(first) == "one two three "

    async def read() -> str:
        return joined([token async for token in run.tokens("write-1")])

    late = [asyncio.ensure_future(read()) for _ in range(2)]
    second = await asyncio.to_thread(read_until, run, "one two three ")
    assert second[0].offset == 0
    await asyncio.to_thread(until.touch)
    assert await asyncio.gather(*late) == ["one two three "] * 2
    assert [token async for token in run.tokens("another-1")] == []


def test_hostile_text_arrives_as_it_was_written(writers: Writers):
    run = writers.start("writer", [text for text in HOSTILE if text not in ("\ud83d", "\ude00")])
    expected = "".join(text for text in HOSTILE if text not in ("\ud83d", "\ude00"))
    assert joined(list(run.tokens())) == expected
    assert run.result(timeout=60) == expected


def test_fifty_streams_at_once_lose_nothing(writers: Writers):
    run = writers.start("crowd", 50, 100, 0.02)
    seen = list(run.tokens())
    expected = "".join(f"{number} " for number in range(100))
    steps = {token.step for token in seen}
    assert len(steps) == 50
    assert all(joined(seen, step) == expected for step in steps)
    assert run.result(timeout=60) == [100] * 50


def test_a_killed_worker_restarts_the_text(own_writers: Writers, until: Path):
    run = own_writers.start("writer", ["one ", "two "], 0.0, str(until))
    seen: list[Token] = []
    for token in run.tokens():
        seen.append(token)
        if joined(seen) == "one two " and token.attempt == 1:
            worker_of(own_writers).kill()
        elif joined(seen) == "one two " and not until.exists():
            assert token.attempt == 2
            until.touch()
    attempts = [token.attempt for token in seen]
    assert attempts == sorted(attempts)
    assert set(attempts) == {1, 2}
    assert next(token for token in seen if token.attempt == 2).offset == 0
    assert run.result(timeout=60) == "one two "


def test_a_viewer_that_never_reads_holds_nobody_up(writers: Writers):
    """Two million characters are far more than a socket's buffers take."""
    path = socket_of(writers)
    run = writers.start("writer", ["y" * 1_000] * 2_000)
    with closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.connect(str(path))
        deaf.sendall(json.dumps({"follow": run.run_id}).encode() + b"\n")
        assert len(run.result(timeout=60)) == 2_000_000


def test_the_sockets_are_the_users_alone_and_closed_with_their_viewers(writers: Writers, until: Path):
    home, path = writers.runs.runtime.home, socket_of(writers)
    assert stat.S_IMODE(home.tokens.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    run = writers.start("writer", ["one "], 0.0, str(until))
    worker = worker_of(writers)
    before = len(worker.net_connections("unix"))
    read_until(run, "one ")
    assert eventually(lambda: len(worker.net_connections("unix")) <= before)
    until.touch()
    run.result(timeout=60)


def test_what_is_no_request_ends_the_connection(writers: Writers):
    path = socket_of(writers)
    for request in (b"\n[1]\n", b"[" * 100_000 + b"\n", b"x" * 100_000, b'{"follow": 7}\n', b'{"sync": {}}\n'):
        with closing(socket.socket(socket.AF_UNIX)) as rude:
            rude.settimeout(30)
            rude.connect(str(path))
            try:
                rude.sendall(request)
                assert rude.recv(1) == b""
            except (ConnectionResetError, BrokenPipeError):
                pass


def test_a_streamed_step_has_the_events_of_an_unstreamed_one(writers: Writers, tmp_path: Path):
    def events(pieces: list[str]) -> Counter[str]:
        run = writers.start("writer", pieces, 0.01)
        run.result(timeout=60)
        history = loop_thread().run(run.temporal_handle().fetch_history())
        return Counter(str(event.event_type) for event in history.events)

    assert events([f"token {number} " for number in range(150)]) == events([])


def test_the_next_attempt_sees_what_was_written_and_its_own_reports(writers: Writers, tmp_path: Path):
    run = writers.start("twice", str(tmp_path))
    assert run.result(timeout=60) == ["one two ", "half", ["half"]]
    (step,) = run.steps()
    assert step.attempt == 2


def test_a_reader_elsewhere_sees_the_text_by_heartbeats(writers: Writers, until: Path):
    """Without the home's sockets only Temporal is left, and the same pieces come through it."""
    run = writers.start("writer", ["one ", "two ", "\U0001f600 "], 0.0, str(until))
    elsewhere = Run[str](replace(writers.access, tokens=None), run.id)
    seen: list[Token] = []
    for token in elsewhere.tokens():
        seen.append(token)
        if joined(seen) == "one two \U0001f600 ":
            until.touch()
    assert joined(seen) == "one two \U0001f600 "
    assert seen[-1].done
    assert run.steps()[0].heartbeat is None


def test_sockets_go_with_the_runtime(own_writers: Writers):
    home = own_writers.runs.runtime.home
    assert len(sockets(home.tokens)) == 1
    own_writers.runs.runtime.close()
    assert local_runtime.down(home)
    assert not home.tokens.exists()
