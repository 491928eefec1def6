"""REST: a script starts, looks, decides and stops, without a kernel."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import websocket

from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.audit.exporting import trusted_keys
from jupyter_workflows.runs.audit.verifying import verify
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.scheduling.handle import Wish, scheduled
from jupyter_workflows.scheduling.times import Times
from jupyter_workflows.session import Session

from ..conftest import eventually
from .conftest import on_loop
from .pages import TOKEN, Server, user


def start(server: Server, id: str, contract: str = "C-7", **more: Any) -> dict[str, Any]:
    """A run of `review` that was started."""
    reply = server.post("api/workflows/review/runs", {"arguments": {"contract": contract}, "id": id, **more})
    assert reply.status == 201, reply.body
    return reply.json


def waits(access: RunAccess, id: str) -> None:
    """Waits until a run asks."""
    on_loop(Run(access, id).until("approval"))


def test_a_run_from_start_to_end(server: Server, access: RunAccess):
    run = start(server, "rest-1")
    assert (run["workflow"], run["starter"], run["status"]) == ("review", user(), "running")
    waits(access, run["id"])
    looked = server.get("api/runs/rest-1").json
    assert "C-7" in looked["head"]["arguments"][0]
    (shown,) = looked["approvals"]
    approval = shown["approval"]
    assert approval["editable"] == {"size": 3}
    assert approval["id"] in {each["approval"]["id"] for each in inbox(server, "rest-1")}
    decided = server.post(
        f"api/runs/rest-1/approvals/{approval['id']}/decision",
        {"verdict": "approve", "content_hash": approval["content_hash"], "value": {"size": 9}, "edited": True},
    )
    assert decided.status == 200
    assert (decided.json["approval"]["by"], decided.json["approval"]["edits"][0]["after"]) == (user(), 9)
    on_loop(Run(access, "rest-1").until("completed"))
    steps = server.get("api/runs/rest-1/steps?limit=2").json
    assert (steps["total"], [step["name"] for step in steps["steps"]]) == (3, ["measure", "human_approval"])
    step = server.get("api/runs/rest-1/steps/measure-1").json
    assert (step["input"]["text"], step["output"]["text"]) == ("C-7", "3")
    assert server.get("api/runs/rest-1").json["head"]["run"]["status"] == "completed"


def test_a_run_is_handed_over_as_an_audit_file(server: Server, runtime: Runtime):
    start(server, "rest-audit")
    assert server.post("api/runs/rest-audit/terminate", {"reason": "by mistake"}).status == 200
    reply = server.get("api/runs/rest-audit/audit").json
    verdict = verify(reply["file"].encode("ascii"), trusted_keys(runtime.home.keys))
    assert (verdict.problems, verdict.holds) == ([], True)
    assert verdict.fingerprint == reply["fingerprint"]
    assert verdict.records[-2]["body"]["reason"] == "by mistake"
    assert "by mistake" in reply["report"]
    assert server.get("api/runs/rest-audit/audit").json == reply
    hashes = server.get("api/runs/rest-audit/audit?values=hashes").json["file"]
    assert ('"C-7"' in reply["file"], '"C-7"' in hashes) == (True, False)
    assert server.get("api/runs/rest-audit/audit?values=none").status == 400


def inbox(server: Server, id: str) -> list[dict[str, Any]]:
    """The approvals of a run in the inbox, as soon as there are some."""

    def found() -> list[dict[str, Any]]:
        approvals = server.get("api/inbox").json["approvals"]
        return [shown for shown in approvals if shown["approval"]["workflow_id"] == id]

    assert eventually(found)
    return found()


def test_the_same_id_gives_the_same_run(server: Server):
    first = start(server, "rest-same")
    assert start(server, "rest-same", "another")["run_id"] == first["run_id"]
    other = server.post("api/workflows/many/runs", {"arguments": {"count": 1}, "id": "rest-same"})
    assert (other.status, other.json["error"]["code"]) == (409, "run-already-exists")
    assert server.post("api/runs/rest-same/terminate", {"reason": "enough"}).status == 200
    assert start(server, "rest-same")["run_id"] == first["run_id"]
    assert server.get("api/runs/rest-same").json["head"]["reason"] == "enough"
    again = server.post("api/runs/rest-same/terminate")
    assert (again.status, again.json["error"]["code"]) == (409, "jupyter-workflows-error")


def test_a_run_is_cancelled(server: Server, access: RunAccess):
    start(server, "rest-cancel")
    waits(access, "rest-cancel")
    assert server.post("api/runs/rest-cancel/cancel").status == 200
    assert on_loop(Run(access, "rest-cancel").until("cancelled")).run.status == "cancelled"


def test_any_id_is_addressed_by_its_encoded_form(server: Server):
    name = "monthly/2026 №7?#%"
    run = start(server, name)
    assert run["id"] == name
    assert server.get(f"api/runs/{quote(name, safe='')}?run_id={run['run_id']}").json["head"]["run"]["id"] == name
    assert server.post(f"api/runs/{quote(name, safe='')}/terminate").status == 200


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ({}, 422, "'contract'"),
        ({"contract": 7}, 422, "argument contract"),
        ({"contract": "C", "colour": "red"}, 422, "'colour'"),
        ({"contract": "C", "urgent": "perhaps"}, 422, "argument urgent"),
        (["C"], 400, "arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(server: Server, arguments: Any, status: int, words: str):
    reply = server.post("api/workflows/review/runs", {"arguments": arguments})
    assert reply.status == status
    assert words in reply.json["error"]["message"]


def test_a_decision_in_another_name_or_on_other_content_is_refused(server: Server, access: RunAccess):
    start(server, "rest-refused")
    waits(access, "rest-refused")
    (shown,) = server.get("api/runs/rest-refused").json["approvals"]
    path = f"api/runs/rest-refused/approvals/{shown['approval']['id']}/decision"
    another = server.post(path, {"verdict": "approve", "reviewer": "somebody else"})
    assert (another.status, another.json["error"]["code"]) == (409, "approval-refused")
    assert user() in another.json["error"]["message"]
    changed = server.post(path, {"verdict": "approve", "content_hash": "0" * 64})
    assert changed.status == 409
    assert server.post(path, {"verdict": "reject", "reviewer": user()}).status == 200
    twice = server.post(path, {"verdict": "approve"})
    assert twice.status == 409
    assert "decided already" in twice.json["error"]["message"]


def test_runs_are_filtered(server: Server):
    start(server, "rest-filter")
    assert eventually(
        lambda: "rest-filter" in [run["id"] for run in server.get("api/runs?workflow=review&limit=500").json["runs"]]
    )
    assert server.get("api/runs?workflow=none").json["runs"] == []
    both = server.get("api/runs?status=running&status=failed&since=2000-01-01T00:00:00Z").json["runs"]
    assert {run["status"] for run in both} <= {"running", "failed"}
    assert server.get("api/runs?status=paused").status == 400
    assert server.get("api/runs?limit=0").status == 400
    assert server.post("api/runs/rest-filter/terminate").status == 200


def test_workflows_are_listed_once_each(server: Server):
    found = server.get("api/workflows").json["workflows"]
    names = [known["workflow"]["name"] for known in found]
    assert {"review", "many"} <= set(names)
    assert len(names) == len(set(names))
    digest = next(known["digest"] for known in found if known["workflow"]["name"] == "review")
    run = start(server, "rest-digest", digest=digest)
    assert run["bundle"] == digest[:16]
    assert server.post("api/runs/rest-digest/terminate").status == 200


def test_status_and_start_of_the_runtime(server: Server):
    started = server.post("api/runtime/start")
    assert started.status == 200
    assert started.json["state"] == "connected"
    assert server.get("api/status").json["address"] == started.json["address"]


def test_finished_run_is_listed_and_rolled_back(server: Server, access: RunAccess):
    run = server.post("api/workflows/seats/runs", {"arguments": {"many": 2}, "id": "rest-seats"}).json
    on_loop(Run(access, "rest-seats").until("completed"))
    listed = server.get("api/runs/rest-seats/effects").json
    assert (listed["left"], listed["rollback"]) == (2, None)
    assert {effect["status"] for effect in listed["effects"]} == {"done"}

    reply = server.post("api/runs/rest-seats/rollback", {"reason": "wrong hall"})
    assert (reply.status, reply.json["id"]) == (200, f"rest-seats/undo:{run['run_id']}")
    on_loop(Run(access, reply.json["id"]).until("completed"))
    rollback = server.get(f"api/runs/{quote(reply.json['id'], safe='')}/effects").json["rollback"]
    assert (rollback["by"], rollback["reason"]) == (user(), "wrong hall")
    after = server.get("api/runs/rest-seats/effects").json
    assert (after["left"], {effect["status"] for effect in after["effects"]}) == (0, {"undone"})
    again = server.post("api/runs/rest-seats/rollback")
    assert again.status == 409
    assert "left to undo" in again.json["error"]["message"]


def test_run_is_planned_and_resumed_from_a_step(server: Server, access: RunAccess):
    begun = start(server, "rest-resume")
    waits(access, "rest-resume")
    body = {"from_step": "measure-1", "plan": True}
    planned = server.post("api/runs/rest-resume/resume", body).json
    assert [step["id"] for step in planned["plan"]["again"]] == ["measure-1", "human_approval-1"]
    assert planned["run"]["run_id"] == begun["run_id"], "a plan changes nothing"

    resumed = server.post("api/runs/rest-resume/resume", body | {"plan": False, "run_id": begun["run_id"]}).json
    assert resumed["run"]["run_id"] != begun["run_id"]
    twice = server.post("api/runs/rest-resume/resume", body | {"plan": False, "run_id": begun["run_id"]}).json
    assert twice["run"]["run_id"] == resumed["run"]["run_id"], "two who looked at one execution get one new one"
    waits(access, "rest-resume")
    assert server.get("api/runs/rest-resume").json["head"]["run"]["resumed"]["from_step"] == "measure-1"
    unknown = server.post("api/runs/rest-resume/resume", {"from_step": "measure-9"})
    assert (unknown.status, unknown.json["error"]["code"]) == (409, "resume-refused")
    assert "it has measure-1" in unknown.json["error"]["message"]
    assert server.post("api/runs/rest-resume/terminate").status == 200


def test_run_is_forked_with_another_argument(server: Server, access: RunAccess):
    begun = start(server, "rest-fork")
    waits(access, "rest-fork")
    body = {"changes": {"urgent": True}}
    planned = server.post("api/runs/rest-fork/fork", body | {"plan": True}).json
    assert [step["id"] for step in planned["plan"]["kept"]] == ["measure-1"]
    assert server.get("api/runs/rest-fork/forks").json["runs"] == []

    forked = server.post("api/runs/rest-fork/fork", body).json["run"]
    assert (forked["starter"], forked["notebook"]) == (user(), begun["notebook"])
    waits(access, forked["id"])
    listed = server.get("api/runs/rest-fork/forks").json["runs"]
    assert [run["id"] for run in listed] == [forked["id"]]
    path = f"api/runs/{quote(forked['id'], safe='')}"
    head = server.get(path).json["head"]
    assert (head["run"]["forked"]["id"], head["run"]["forked"]["changes"]) == ("rest-fork", ["urgent"])
    assert server.get(f"{path}/steps").json["steps"][0]["kept"]["id"] == "rest-fork"
    wrong = server.post("api/runs/rest-fork/fork", {"changes": {"colour": "red"}})
    assert (wrong.status, "no parameter 'colour'" in wrong.json["error"]["message"]) == (409, True)
    assert server.get("api/runs/rest-fork").json["head"]["run"]["status"] == "running"
    assert server.post(f"{path}/terminate").status == 200
    assert server.post("api/runs/rest-fork/terminate").status == 200


def test_schedules_and_publications_are_listed_and_seen_to(server: Server, access: RunAccess) -> None:
    assert "many" not in [each["workflow"] for each in server.get("api/published").json["workflows"]]
    session = Session(home=Home.locate(), settings=None)
    wish = Wish(workflow="many", times=Times(every=timedelta(days=300)), kwargs={"count": 1}, id="by-rest")
    scheduled(session, wish)
    url = f"{server.address}/api/events/subscribe".replace("http", "ws", 1)
    listening = websocket.create_connection(url, timeout=60, header=[f"Authorization: token {TOKEN}"])
    assert server.post("api/schedules/by-rest/pause", {"note": "for a while"}).json["schedule"]["paused"] is True
    assert eventually(lambda: "by-rest" in [each["id"] for each in server.get("api/schedules").json["schedules"]])
    run = server.post("api/schedules/by-rest/trigger").json["schedule"]
    assert run["workflow"] == "many"
    times = {"cron": ["0 9 * * mon-fri"], "time_zone": "Asia/Tokyo", "overlap": "allow_all"}
    assert server.post("api/schedules/by-rest/times", times).status == 200
    told = server.get("api/schedules/by-rest").json["schedule"]
    assert (told["given"]["cron"], told["time_zone"], told["overlap"]) == (times["cron"], "Asia/Tokyo", "allow_all")
    for wrong in ({}, {"cron": ["often"]}, {"every_seconds": 0}, times | {"time_zone": "Mars"}):
        assert server.post("api/schedules/by-rest/times", wrong).status in (400, 409, 422)
    assert server.get("api/schedules/by-rest").json["schedule"]["times"] == ["cron 0 9 * * mon-fri"]
    assert server.post("api/schedules/by-rest/explode").status == 400
    assert server.post("api/schedules/nothing/pause").status == 404
    deeds = server.get("api/schedules/by-rest").json["schedule"]["deeds"]
    assert [deed["deed"] for deed in deeds] == ["make", "pause", "trigger", "retime"], "what is refused is no deed"
    assert {deed["by"] for deed in deeds} == {user()}
    assert all(deed["signature"] for deed in deeds)
    assert server.post("api/schedules/by-rest/delete").json == {"status": "deleted", "schedule": None}
    events: list[str] = []
    while "delete" not in events:
        event = json.loads(listening.recv())
        if event["schema_id"].endswith("/schedule_changed"):
            assert (event["schedule"], event["by"]) == ("by-rest", user())
            events.append(event["deed"])
    assert events == ["pause", "trigger", "retime", "delete"]
    listening.close()
