"""A thousand decisions that nobody made: none is taken, each is refused with its reason, and no history grows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.client import WorkflowUpdateFailedError

from jupyter_workflows.authoring.execution import ACT, DECIDE, KEEP
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.runs import decisions, discussion
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.schema import Approval, Decision, SignedDelegation, SignedQuestion
from jupyter_workflows.security import identity
from jupyter_workflows.security.trusted_keys import TrustedKey
from jupyter_workflows.security.workspaces import Person
from jupyter_workflows.worker import bundle_worker, load_bundle

from ..conftest import eventually
from .conftest import Engine

GATES = """
@workflow
async def gates(assignee: str) -> list[str]:
    first = await human_approval("First?", assignee=assignee, editable={"amount": 1})
    second = await human_approval("Second?", assignee=assignee)
    return [first.by, second.by]
"""
RUNS = 20
WANTED = 1_000
# A run takes ten updates at a time.
AT_ONCE = 8
NARROW, RETIRED, STRANGER = bytes([1] * 32), bytes([2] * 32), bytes([3] * 32)


class Target(NamedTuple):
    """A run whose second approval is open, and the decision that was taken on its first."""

    run: Run[Any]
    shown: Approval
    taken: Decision
    own: bytes
    other: Run[Any]

    def decision(self, key: bytes | None = None, **changed: Any) -> Decision:
        now = datetime.now(UTC)
        fields = {
            "workflow_id": self.run.id,
            "run_id": self.run.reader.run_id,
            "approval": self.shown.id,
            "content_hash": self.shown.content_hash,
            "verdict": "approve",
            "reviewer": "ada",
            "issued_at": now,
            "expires_at": now + timedelta(minutes=10),
            "nonce": self.taken.nonce[::-1],
        }
        return identity.sign(Decision.model_validate(fields | changed), key or self.own)


Sent = tuple[str, dict[str, Any], str]


def plain(decision: Decision, reason: str, update: str = DECIDE) -> Sent:
    return update, decision.model_dump(mode="json"), reason


def edited(target: Target, **changed: Any) -> Sent:
    """Signed for something else, and changed on its way."""
    return plain(target.decision().model_copy(update=changed), "the signature does not fit the decision")


def ago(**time: float) -> dict[str, datetime]:
    then = datetime.now(UTC) - timedelta(**time)
    return {"issued_at": then, "expires_at": then + timedelta(minutes=10)}


def claimed(target: Target) -> Sent:
    """Signed by a stranger, who says it was a trusted key."""
    forged = target.decision(STRANGER).model_copy(update={"key_id": identity.key_id(identity.public_key(target.own))})
    return plain(forged, "the signature does not fit the decision")


def unsigned(target: Target) -> Sent:
    bare = target.decision().model_copy(update={"signature": "", "key_id": ""})
    return plain(bare, "is not signed by a reviewer this worker knows")


def kept(target: Target, decision: Decision) -> Sent:
    """Sent as one that an earlier execution had accepted."""
    told = {"decision": decision.model_dump(mode="json"), "opened_at": target.shown.opened_at.isoformat()}
    return KEEP, told, "is not one that this run accepted before"


def as_act(target: Target, key: bytes, **changed: Any) -> Sent:
    """Handed over by somebody who may not."""
    now = datetime.now(UTC)
    fields = {
        "workflow_id": target.run.id, "run_id": target.run.reader.run_id, "approval": target.shown.id,
        "content_hash": target.shown.content_hash, "by": "ada", "to": "mallory", "issued_at": now,
        "expires_at": now + timedelta(minutes=10), "nonce": target.taken.nonce,
    }  # fmt: skip
    signed = identity.sign(SignedDelegation.model_validate(fields | changed), key)
    return ACT, signed.model_dump(mode="json"), "is not signed by a reviewer this worker knows"


ATTACKS: dict[str, Callable[[Target], Sent]] = {
    "unsigned": unsigned,
    "signed by a stranger": lambda t: plain(t.decision(STRANGER), "is not signed by a reviewer this worker knows"),
    "in the name of a trusted key": claimed,
    "edited: verdict": lambda t: edited(t, verdict="reject"),
    "edited: reviewer": lambda t: edited(t, reviewer="ada@elsewhere", groups=["risk"]),
    "edited: value": lambda t: edited(t, value={"amount": 10**6}, edited=True),
    "edited: comment": lambda t: edited(t, comment="read and agreed"),
    "edited: expiry": lambda t: edited(t, expires_at=datetime.now(UTC) + timedelta(days=300)),
    "edited: nonce": lambda t: edited(t, nonce="0" * 32),
    "edited: groups": lambda t: edited(t, groups=["risk"]),
    "expired": lambda t: plain(t.decision(**ago(hours=27)), "the decision is too old"),
    "dated in the future": lambda t: plain(t.decision(**ago(hours=-27)), "is dated in the future"),
    "for another run": lambda t: plain(t.decision(workflow_id=t.other.id), "is for another run"),
    "for another execution": lambda t: plain(t.decision(run_id=t.other.reader.run_id), "is for another run"),
    "for another approval": lambda t: plain(t.decision(approval="human_approval-9"), "has no approval"),
    "for one that is decided": lambda t: plain(t.decision(approval="human_approval-1"), "is decided already"),
    "about something else": lambda t: plain(t.decision(content_hash="0" * 64), "has changed since it was shown"),
    "by somebody not asked": lambda t: plain(t.decision(reviewer="mallory"), "waits for ada, and mallory is somebody"),
    "by a key of somebody else": lambda t: plain(t.decision(NARROW), "may not speak for ada: it is the key of mallory"),
    "by a retired key": lambda t: plain(t.decision(RETIRED), "the key of an old server was retired at"),
    "replayed": lambda t: plain(t.taken, "is decided already"),
    "replayed on the next gate": lambda t: plain(
        t.taken.model_copy(update={"approval": t.shown.id, "content_hash": t.shown.content_hash}),
        "the signature does not fit the decision",
    ),
    "replayed as kept": lambda t: kept(t, t.taken),
    "forged as kept": lambda t: kept(t, t.decision(STRANGER)),
    "another kind": lambda t: (ACT, t.decision().model_dump(mode="json"), "a stored value does not fit"),
    "handed over by a stranger": lambda t: as_act(t, STRANGER),
}


@pytest.fixture(scope="module")
def targets(scenes: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """Runs that wait at their second gate, and workers that know a key of mallory's and one that is retired."""
    keys = scenes.home.keys
    mallory = TrustedKey(identity.public_key(NARROW), "mallory", persons=frozenset({"mallory"}))
    retired = TrustedKey(
        identity.public_key(RETIRED), "an old server", retired_at=datetime.now(UTC) - timedelta(days=1)
    )
    told = [key.as_jwk(identity.key_id(key.public)) for key in (mallory, retired)]
    file: Path = keys / identity.TRUSTED / "others.json"
    file.write_text(json.dumps({"keys": told}))
    scenes.home.trusted.load()
    before = scenes.digest
    scenes.serve(GATES)
    own = identity.ensure_key(keys)
    runs = [scenes.start("gates", "ada") for _ in range(RUNS)]
    yield [target(run, runs[number - 1], own) for number, run in enumerate(runs)]
    for run in runs:
        if run.status == "running":
            run.terminate()
    scenes.digest = before
    file.unlink()
    scenes.home.trusted.load()


def target(run: Run[Any], other: Run[Any], own: bytes) -> Target:
    run.wait_for("approval", timeout=30)
    reader = RunReader(run.access, run.id)
    loop_thread().run(reader.describe())
    parts = {"reader": reader, "reviewer": "ada", "comment": None, "form": None, "value": None, "edited": False}
    taken = decisions.signed(run.pending_approvals()[0], "approve", **parts)
    loop_thread().run(decisions.send(reader, taken))
    assert eventually(lambda: [each.id for each in run.pending_approvals()] == ["human_approval-2"])
    (shown,) = run.pending_approvals()
    return Target(run, shown, taken, own, other)


async def send(target: Target, number: int, attack: str) -> str | None:
    """Sends one past everything of ours; what went wrong with its refusal."""
    update, payload, reason = ATTACKS[attack](target)
    handle = target.run.access.client.get_workflow_handle(target.run.id)
    try:
        await handle.execute_update(update, payload, id=f"forged-{number}")
    except WorkflowUpdateFailedError as error:
        said = str(error.cause)
        return None if reason in said else f"{attack}: {said}"
    return f"{attack}: taken"


def lengths(targets: list[Target]) -> list[int]:
    return [target.run.describe().history_events for target in targets]


def test_of_a_thousand_forged_decisions_none_counts_and_none_is_recorded(targets: list[Target]):
    before = lengths(targets)

    async def all_of_them() -> list[str | None]:
        limits = [asyncio.Semaphore(AT_ONCE) for _ in targets]

        async def one(number: int) -> str | None:
            async with limits[number % RUNS]:
                return await send(targets[number % RUNS], number, list(ATTACKS)[number % len(ATTACKS)])

        return await asyncio.gather(*(one(number) for number in range(WANTED)))

    answers = loop_thread().run(all_of_them(), timeout=150)
    assert [answer for answer in answers if answer] == []
    assert len(answers) == WANTED
    assert lengths(targets) == before
    assert {approval.id for each in targets for approval in each.run.pending_approvals()} == {"human_approval-2"}


def test_what_a_person_did_counts_once(targets: list[Target]):
    each = targets[0]
    reader = RunReader(each.run.access, each.run.id)
    loop_thread().run(reader.describe())
    sent: list[SignedQuestion] = []

    def make(approval: Approval, shared: dict[str, Any]) -> SignedQuestion:
        sent.append(SignedQuestion(**shared, text="Which contract?"))
        return sent[-1]

    loop_thread().run(discussion.act(reader, each.shown, make, discussion.Who(Person("ada"))))
    question = identity.sign(sent[0], each.own).model_dump(mode="json")
    before = each.run.describe().history_events
    handle = each.run.access.client.get_workflow_handle(each.run.id)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        loop_thread().run(handle.execute_update(ACT, question, id="again"))
    assert "the question on human_approval-2 was recorded already" in str(caught.value.cause)
    assert each.run.describe().history_events == before


def test_a_history_replays_without_the_key_its_decisions_were_signed_with(engine: Engine):
    engine.serve(GATES + "\nROTATED = 1\n")
    run = engine.start("gates", "ada")
    run.wait_for("approval", timeout=30)
    run.approve(reviewer="ada")
    keys = engine.home.keys
    new, old = identity.rotate_key(keys)
    for kept in (f"{old}.pub", f"{old}.json"):
        (keys / identity.TRUSTED / kept).unlink()
    engine.home.trusted.load()

    async def again() -> None:
        await engine.stack.aclose()
        bundle = load_bundle(engine.home.bundles / f"jw_{engine.digest[:16]}", engine.home.trusted)
        await engine.stack.enter_async_context(bundle_worker(engine.client, bundle, identity="second-worker"))

    # The second worker knows the first decision from history alone.
    loop_thread().run(again(), timeout=60)
    assert run.approve(reviewer="ada").id == "human_approval-2"
    assert run.result(timeout=30) == ["ada", "ada"]
    signed_by = [each["key_id"] for each in decisions_of(run)]
    assert signed_by == [old, new]


def decisions_of(run: Run[Any]) -> list[dict[str, Any]]:
    """The decisions in a run's history."""

    async def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        handle = run.access.client.get_workflow_handle(run.id)
        async for event in handle.fetch_history_events():
            accepted = event.workflow_execution_update_accepted_event_attributes
            if accepted.HasField("accepted_request"):
                payloads = accepted.accepted_request.input.args.payloads
                found += await run.access.client.data_converter.decode(list(payloads), [dict])
        return found

    return loop_thread().run(read(), timeout=30)


def test_the_right_decision_counts_still(targets: list[Target]):
    for each in targets[1:4]:
        each.run.approve(reviewer="ada")
        assert each.run.result(timeout=30) == ["ada", "ada"]
