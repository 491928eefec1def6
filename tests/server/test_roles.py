"""Every role on every route and message: allowed and refused as the page on roles says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import websocket
from tornado.web import RequestHandler

from jupyter_workflows.live.messages import Delegation, Follow, Query, Reply, Request
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security.rights import RIGHTS, ROLES, allowed
from jupyter_workflows.server.operations import OPERATIONS
from jupyter_workflows.server.routes import ROUTES, pattern

from ..roles import on_page
from ..security.issuer import AUDIENCE, Issuer, issuer
from .pages import Page, Server, jupyter_server
from .pages import Reply as Response
from .test_routes import BODIES, MADE_UP

PEOPLE = (*ROLES, "nobody")
PROVIDER = "jupyter_workflows.server.oidc.OidcIdentityProvider"
AUTHORIZER = "jupyter_workflows.server.authorizer.RolesAuthorizer"
TOPICS = ("run:none/none", "inbox", "runs", "workflow:/none", "dashboard?", "status")
ACTS = {"delegation": Delegation(to="x"), "question": Query(text="x"), "answer": Reply(question=1, text="x")}
FIELDS: dict[str, dict[str, Any]] = {
    "details": {"step": "none-1"},
    "open": {"workflow_id": "none", "run_id": "none"},
    "decide": {"approval": "none-1", "content_hash": "0", "verdict": "approve"},
    "compare": {"workflow_id": "none"},
    "start": {"topic": "workflow:/none"},
}


class Shared(NamedTuple):
    """A Jupyter server whose people an issuer signs in."""

    server: Server
    company: Issuer
    file: Path

    def signed_in(self, person: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.company.token('first-ES256', sub=person, **claims)}"}

    def send(self, person: str, method: str, path: str, body: Any = None) -> Response:
        return self.server.send(method, path, body, token=None, headers=self.signed_in(person))

    def page(self, person: str) -> Page:
        headers = [f"{name}: {value}" for name, value in self.signed_in(person).items()]
        return self.server.page(token=None, headers=headers, suppress_origin=True)


class Jupyter(Server):
    """The same server, asked for what is Jupyter's own."""

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


@pytest.fixture(scope="module")
def shared(runtime: Runtime, bundles: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A shared server; an author is one by group, the others by name."""
    folder = tmp_path_factory.mktemp("shared")
    file = folder / "workspaces.toml"
    with issuer() as company:
        roles = "\n".join(f'{role} = ["{role}"]' for role in ROLES if role != "author")
        file.write_text(
            f'[workspaces.here]\nnamespace = "{NAMESPACE}"\n{roles}\nauthor = ["group:writers"]\n'
            "budget.run = { tokens = 10 }\nbudget.month = { tokens = 1_000_000 }\n"
            f'[issuers.company]\nissuer = "{company.address}"\naudience = "{AUDIENCE}"\n'
            '[groups]\nwriters = ["author"]\n'
        )
        file.chmod(0o644)
        environment = {"JUPYTER_WORKFLOWS_WORKSPACES": str(file)}
        options = [f"--ServerApp.identity_provider_class={PROVIDER}"]
        asking = {"options": options, "environment": environment, "authorizer": AUTHORIZER}
        with jupyter_server(runtime.home.data, folder, **asking) as server:
            yield Shared(server, company, file)
            assert "Traceback" not in server.read_log()


def test_the_status_tells_what_is_used_of_the_budgets(shared: Shared):
    shared.send("viewer", "GET", "api/runs")
    state = shared.send("viewer", "GET", "api/status").json
    assert (state["state"], state["workspace"]) == ("connected", "here")
    run, month = state["budgets"]
    assert (run["period"], run["tokens"], run["cost"], run["used"]) == ("run", 10, None, None)
    assert (month["period"], month["tokens"], month["used"]["cost"]) == ("month", 1_000_000, 0)


def routes() -> set[str]:
    """Every route and method there is, as the page writes them."""
    found: set[str] = set()
    named = {pattern(operation.path): operation.path for operation in OPERATIONS}
    for route in ROUTES:
        path = named.get(route.path, route.path.replace("\\", ""))
        for method in RequestHandler.SUPPORTED_METHODS:
            if method.lower() in vars(route.handler):
                found.add(f"{method} {path}")
    return found


def test_every_route_has_a_row():
    # The codec endpoint's two ways are one route, its `OPTIONS` tells nothing; `api/...` is what is not there.
    nowhere = "(?P<path>api(?:/.*)?)"
    codec = "codec/(?P<ticket>[w-]{43})/(?P<way>encode|decode)"
    expected = routes() - {f"GET {nowhere}", f"POST {nowhere}", f"OPTIONS {codec}", f"POST {codec}"}
    assert set(on_page("Routes")) == expected | {"POST codec/{ticket}/decode", "POST codec/{ticket}/encode"}


def test_every_message_has_a_row():
    kinds = {kind.model_fields["type"].default for kind in Request.__args__}
    expected = kinds - {"act"} | {f"act {act}" for act in ACTS} | {f"follow {name}" for name in SHORT_TOPICS}
    assert set(on_page("Messages of a page")) == expected


SHORT_TOPICS = {re.sub(r"(run|workflow):.*", r"\1:", topic): topic for topic in TOPICS}


def test_each_role_gives_the_rights_on_the_page():
    rows = on_page("What each role gives")
    assert rows == {str(right): {role for role in ROLES if allowed((role,), right)} for right in RIGHTS}


def is_refused(answer: Response) -> bool:
    """Whether an answer says that no role gives the right."""
    if answer.status != 403:
        return False
    assert answer.json["error"]["code"] == "not-permitted"
    return True


@pytest.mark.parametrize("person", PEOPLE)
def test_routes_are_for_the_roles_on_the_page(shared: Shared, person: str):
    bodies = {operation.path: BODIES.get(operation.call.__name__, {}) for operation in OPERATIONS}
    wrong: list[str] = []
    for row, roles in on_page("Routes").items():
        method, path = row.split()
        if path == "stream" or path.startswith("codec/"):
            continue
        at = re.sub(r"\{(\w+)\}", lambda name: MADE_UP[name[1]], path)
        answer = shared.send(person, method, at, bodies[path] if method == "POST" else None)
        if is_refused(answer) == (person in roles):
            wrong.append(f"{row}: {answer.status}")
    assert not wrong


def test_the_codec_endpoint_ends_with_the_role(shared: Shared):
    rows = on_page("Routes")
    assert rows["POST codec/{ticket}/decode"] == rows["POST codec/{ticket}/encode"] == rows["POST api/codec"]
    path = shared.send("author", "POST", "api/codec", {}).json["path"]
    ways = [f"{path}/decode", f"{path}/encode"]
    assert [shared.server.post(way, {"payloads": []}, token=None).status for way in ways] == [200, 200]
    text = shared.file.read_text()
    try:
        shared.file.write_text(text.replace('writers = ["author"]', "writers = []"))
        assert [shared.server.post(way, {"payloads": []}, token=None).status for way in ways] == [403, 403]
    finally:
        shared.file.write_text(text)


def asked(row: str) -> dict[str, Any]:
    """The message of a page that a row is about."""
    kind, _, about = row.partition(" ")
    if kind == "follow":
        return Follow(topic=SHORT_TOPICS[about]).model_dump()
    message = {"type": kind, "topic": "run:none/none", **FIELDS.get(kind, {})}
    if kind == "act":
        return message | {"approval": "none-1", "content_hash": "0", "act": ACTS[about].model_dump()}
    return message


@pytest.mark.parametrize("person", PEOPLE)
def test_messages_are_for_the_roles_on_the_page(shared: Shared, person: str):
    if person == "nobody":
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            shared.page(person)
        assert caught.value.status_code == 403
        return
    wrong: list[str] = []
    with shared.page(person) as page:
        for row, roles in on_page("Messages of a page").items():
            message = asked(row)
            if message["type"] == "follow":
                page.send(message)
                told = page.until(lambda told: told.get("topic") == message["topic"])  # noqa: B023 - used at once
                reason = told.get("message") or ""
            else:
                reason = page.ask(message.pop("type"), **message)["error"] or ""
            if ("has no right to" in reason) == (person in roles):
                wrong.append(f"{row}: {reason}")
    assert not wrong


def test_a_page_is_told_what_its_user_may(shared: Shared):
    with shared.page("reviewer") as page:
        told = page.followed("status", "status")
    assert (told["reviewer"], "write approvals" in told["may"]) == ("reviewer", True)
    assert not {"execute workflows", "write runs"} & set(told["may"])
    with shared.page("admin") as page:
        assert page.followed("status", "status")["may"] is None


def test_a_role_that_is_given_counts_at_once_and_a_broken_file_closes_all(shared: Shared):
    text = shared.file.read_text()
    assert shared.send("nobody", "GET", "api/runs").status == 403
    try:
        shared.file.write_text(text.replace('viewer = ["viewer"]', 'viewer = ["viewer", "nobody"]'))
        assert shared.send("nobody", "GET", "api/runs").status == 200
        shared.file.write_text(text + "\n[workspaces.here]\n")
        # Whose issuers can't be read signs nobody in.
        assert shared.send("admin", "GET", "api/runs").status == 403
    finally:
        shared.file.write_text(text)
    assert shared.send("admin", "GET", "api/runs").status == 200


def test_who_shows_no_token_of_the_issuer_is_nobody(shared: Shared):
    for headers in (
        {},
        {"Authorization": "Bearer no-token"},
        shared.signed_in("admin", aud="another-service"),
        shared.signed_in("admin", exp=1),
    ):
        assert shared.server.get("api/runs", token=None, headers=headers).status == 403
    # The token that other servers have counts for nothing here.
    assert shared.server.get("api/runs").status == 403


def test_a_browser_behind_a_proxy_needs_the_xsrf_token(shared: Shared):
    headers = shared.signed_in("admin")
    for more in ({"Origin": "http://evil.example"}, {"Cookie": "a=b"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = shared.server.post("api/runs/none/cancel", {}, token=None, headers=headers | more)
        assert refused.status in (403, 404)
        assert refused.json["error"]["code"] in ("forbidden", "not-found"), more


@pytest.mark.parametrize("person", PEOPLE)
def test_kernels_terminals_and_files_are_for_those_who_write_workflows(shared: Shared, person: str):
    jupyter = Jupyter(*(getattr(shared.server, name) for name in ("address", "process", "log", "folder")))
    writes, is_known = person in ("author", "admin"), person != "nobody"
    for method, path, may in (
        ("GET", "api/kernels", is_known),
        ("POST", "api/kernels/00000000-0000-4000-8000-000000000000/interrupt", writes),
        ("POST", "api/sessions", writes),
        ("GET", "api/contents", writes),
        ("PUT", "api/contents/new.txt", writes),
        ("GET", "files/workspaces.toml", writes),
        ("POST", "api/shutdown", None),
    ):
        if may is not None:
            body = None if method == "GET" else {}
            answer = jupyter.send(method, path, body, token=None, headers=shared.signed_in(person))
            assert (answer.status != 403) == may, (method, path, answer.status)
        elif not writes:
            assert jupyter.send(method, path, {}, token=None, headers=shared.signed_in(person)).status == 403
