"""Keys over time, on a real server: rotated under load, one for a person's runs, destroyed; what then is read."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import Client

from jupyter_workflows.commands import encryption_commands
from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.errors import CommandError, EncryptionFailed, KeyDestroyed, PayloadError
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.runs.access import served_elsewhere
from jupyter_workflows.runs.audit.exporting import verify_file
from jupyter_workflows.runs.client import get_run
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.runs.values import payloads_in
from jupyter_workflows.security import identity, keyrings
from jupyter_workflows.security.encryption import key_of_payload
from tests.conftest import eventually
from tests.runs.conftest import Engine, server, serving

__all__ = ["server"]
NAMESPACE = "default"
OPEN_RUNS = 100
ACTIVITIES = """
@activity(retry=RetryPolicy(max_attempts=2, initial_interval=timedelta(milliseconds=20)))
async def work(text: str) -> str:
    import temporalio.activity
    heartbeat({"at": text})
    if temporalio.activity.info().attempt < 2:
        raise ValueError(f"not yet, {text}")
    return text * 2

@activity
async def grow(text: str) -> str:
    return text * 10_000

@activity
async def note(text: str) -> str:
    return text
"""
WORKFLOWS = """
@workflow
async def inner(text: str) -> str:
    return await note(text)

@workflow
async def visit(text: str) -> dict:
    done = await work(text)
    large = await grow(text)
    within = await inner(text)
    said = await wait_for_signal("said")
    approval = await human_approval(f"Treat {text}?", editable={"name": text})
    set_query_value("name", text)
    return {"done": done, "large": len(large), "said": said, "by": approval.by, "within": within}

@workflow
async def waits(number: int) -> int:
    first = await note(str(number))
    said = await wait_for_signal("go")
    return int(first) + int(await note(str(said)))
"""


@pytest.fixture(scope="module")
def keys_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a home is to runs, with encryption on."""
    root = tmp_path_factory.mktemp("encrypted")
    keyrings.turn_on(root / "keys", NAMESPACE)
    trusted = identity.TrustedKeys(root / "keys")
    trusted.load()
    names = ("bundles", "blobs", "limits", "cache", "tokens")
    return SimpleNamespace(
        data=root, keys=trusted.keys, trusted=trusted, serve=served_elsewhere, **{name: root / name for name in names}
    )


def client_of(server: str, home: Any) -> Client:
    """A client as a kernel and a worker make it."""
    return loop_thread().run(connect(Settings(server, NAMESPACE), home=home, plugins=[EnginePlugin(home.limits)]))


@pytest.fixture(scope="module")
def engine(server: str, keys_home: Any) -> Iterator[Engine]:
    with serving(client_of(server, keys_home), keys_home) as engine:
        engine.serve(WORKFLOWS, ACTIVITIES)
        yield engine


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed ring is noticed by the next value, and not within a second."""
    monkeypatch.setattr("jupyter_workflows.security.encryption.READ_AGAIN_SECONDS", 0.0)
    for variable in (keyrings.KEYS_VARIABLE, keyrings.WRAPPING_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def keys_of(run: Run[Any]) -> set[str]:
    """The keys that the values of a run's history are encrypted with."""
    history = loop_thread().run(run.fetch_history(), timeout=30)
    return {key_of_payload(payload) for payload in payloads_in(history.events)} - {""}


def test_keys_are_rotated_while_a_hundred_runs_are_open(server: str, keys_home: Any, engine: Engine):
    runs = [engine.start("waits", number, id=f"open-{number}") for number in range(OPEN_RUNS)]
    before = keyrings.ring_of_home(keys_home.keys, NAMESPACE).current
    for number, run in enumerate(runs):
        if number % 25 == 0:
            keyrings.rotate(keys_home.keys, NAMESPACE)
        run.signal("go", number)
    assert [run.result(timeout=60) for run in runs] == [2 * number for number in range(OPEN_RUNS)]
    ring = keyrings.ring_of_home(keys_home.keys, NAMESPACE)
    assert len(ring.keys) == 5
    used = [keys_of(run) for run in runs]
    assert all(before in keys for keys in used), "each began with the first key"
    assert set().union(*used) == set(ring.keys)

    # Who comes new, with the ring as it is now, reads old and new values.
    later = client_of(server, keys_home)
    for number in (0, 50, 99):
        steps = get_run(later, f"open-{number}", home=keys_home).steps()
        assert [step.output for step in steps if step.kind == "activity"] == [str(number), str(number)]
    first = get_run(later, "open-0", home=keys_home)
    assert first.result(timeout=30) == 0


def visited(engine: Engine, id: str, name: str) -> Run[Any]:
    """A finished run that holds a person's name in all that it can hold."""
    run = engine.start("visit", name, id=id)
    run.signal("said", name)
    run.wait_for("approval", timeout=60)
    run.approve(comment=f"for {name}", value={"name": name})
    run.result(timeout=60)
    return run


def command(keys_home: Any, engine: Engine, action: str, name: str = "", **options: Any) -> Any:
    """What `encryption ACTION NAME` finds."""
    session: Any = SimpleNamespace(
        home=keys_home, settings=Settings(engine.access.address, NAMESPACE), client=lambda: engine.client
    )
    arguments = Namespace(action=action, name=name, **({"yes": False, "runs": None, "source": "file"} | options))
    return encryption_commands.encryption(session, arguments)


def status_in_list(keys_home: Any, engine: Engine, run: str) -> str:
    """How a run stands among those that need a key; nothing is destroyed by looking."""
    found = {each.id: each.status for each in command(keys_home, engine, "destroy", "patient-17").data["runs"]}
    return str(found.get(run, "not listed"))


def test_a_persons_data_is_erased_by_destroying_their_key(keys_home: Any, engine: Engine, tmp_path: Path):
    command(keys_home, engine, "add", "patient-17", runs="patient-17-*")
    visit, other = visited(engine, "patient-17-visit", "Grace"), visited(engine, "patient-18-visit", "Ada")
    assert keys_of(visit) == {"patient-17"}, "whatever is in its history"
    assert keys_of(get_run(engine.client, "patient-17-visit/inner-1", home=keys_home)) == {"patient-17"}
    assert "patient-17" not in keys_of(other)

    # Temporal's list is behind, on a busy machine by seconds.
    for run in ("patient-17-visit", "patient-17-visit/inner-1"):
        assert eventually(lambda: status_in_list(keys_home, engine, run) == "completed")  # noqa: B023
    listed = command(keys_home, engine, "destroy", "patient-17")
    assert {run.id for run in listed.data["runs"]} == {"patient-17-visit", "patient-17-visit/inner-1"}
    assert (listed.data["destroyed"], listed.data["complete"]) == (False, True)
    assert visit.result(timeout=30)["done"] == "GraceGrace", "nothing is destroyed by looking"
    open_run = engine.start("waits", 1, id="patient-17-open")
    assert eventually(lambda: status_in_list(keys_home, engine, "patient-17-open") == "running")
    with pytest.raises(CommandError, match="1 open runs need the key 'patient-17'"):
        command(keys_home, engine, "destroy", "patient-17", yes=True)
    open_run.terminate("enough")
    assert eventually(lambda: status_in_list(keys_home, engine, "patient-17-open") == "terminated")
    done = command(keys_home, engine, "destroy", "patient-17", yes=True)
    assert "patient-17-open" in {run.id for run in done.data["runs"]}

    # The worker, the client and whoever comes new have the key no more; the run still says what it did when.
    with pytest.raises(PayloadError, match="erased: the key 'patient-17' was destroyed on"):
        visit.result(timeout=30)
    snapshot = get_run(engine.client, "patient-17-visit", home=keys_home).snapshot()
    assert snapshot.run.status == "completed"
    steps = {step.name: step for step in snapshot.steps}
    assert set(steps) == {"work", "grow", "inner", "said", "human_approval"}
    assert str(steps["work"].output) == "<erased: the key patient-17 was destroyed>"
    assert "Grace" not in repr(snapshot)
    assert other.result(timeout=30)["done"] == "AdaAda"
    with pytest.raises(KeyDestroyed):
        engine.start("waits", 1, id="patient-17-again")
    tells_that_it_is_erased(keys_home, engine, tmp_path / "erased.jsonl")


def tells_that_it_is_erased(keys_home: Any, engine: Engine, path: Path) -> None:
    """The audit file of an erased run says so, and holds."""
    run = get_run(engine.client, "patient-17-visit", home=keys_home)
    run.audit(path, html=path.with_suffix(".html"))
    verdict = verify_file(path, keys_home.keys)
    assert (verdict.problems, verdict.holds) == ([], True)
    told = {record["type"]: record["body"] for record in verdict.records}
    assert told["audit"]["erased_with_keys"] == ["patient-17"]
    assert told["end"]["result"] == {"erased": "patient-17"}
    assert told["approval"]["erased"] == "patient-17"
    assert "Grace" not in path.read_text()
    assert "the key was destroyed" in path.with_suffix(".html").read_text()


def test_an_audit_needs_the_key(server: str, keys_home: Any, engine: Engine, tmp_path: Path):
    run = engine.start("waits", 4, id="for-the-record")
    run.signal("go", 4)
    run.result(timeout=60)
    written = run.audit(tmp_path / "clear.jsonl")
    assert json.loads(written.path.read_text().splitlines()[-2])["body"]["result"] == 8
    stranger = SimpleNamespace(**{**vars(keys_home), "keys": tmp_path / "keys"})
    keyrings.turn_on(stranger.keys, NAMESPACE)
    found = get_run(client_of(server, stranger), "for-the-record", home=stranger)
    with pytest.raises(EncryptionFailed, match="which is not in the key ring here"):
        found.audit(tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "pattern", "problem"),
    [
        ("a b", "x-*", "can't be called"),
        ("", "x-*", "needs the key's name"),
        ("fresh", "", "no pattern"),
        ("fresh", "*", "no pattern"),
        ("fresh", "a,b-*", "no pattern"),
        ("twice", "twice-*", "there is or was a key"),
        ("fresh", "twice-*", "have the key 'twice' already"),
    ],
)
def test_keys_for_runs_that_make_no_sense_are_refused(
    keys_home: Any, engine: Engine, name: str, pattern: str, problem: str
):
    if "twice" not in keyrings.ring_of_home(keys_home.keys, NAMESPACE).keys:
        command(keys_home, engine, "add", "twice", runs="twice-*")
    with pytest.raises((CommandError, EncryptionFailed), match=problem):
        command(keys_home, engine, "add", name, runs=pattern)


def test_only_an_old_key_is_destroyed(keys_home: Any, engine: Engine):
    current = keyrings.ring_of_home(keys_home.keys, NAMESPACE).current
    for name, problem in ((current, "is the current key"), ("none", "there is no key 'none'")):
        with pytest.raises(EncryptionFailed, match=problem):
            command(keys_home, engine, "destroy", name, yes=True)
