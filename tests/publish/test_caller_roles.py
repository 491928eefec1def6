"""Every role on every tool and route of the gateway: allowed and refused as the page on roles says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.publish.rest import OPERATIONS
from jupyter_workflows.security.identity import local_user
from jupyter_workflows.security.rights import ROLES

from ..roles import on_page
from ..security.issuer import AUDIENCE, Issuer, issuer
from .conftest import Gateway, serving
from .test_tools import client

PEOPLE = (*ROLES, "nobody")
BODIES = {"decision": {"verdict": "approve", "content_hash": "0" * 64}, "runs": {"arguments": {}}, "cancel": {}}
TOOLS = {
    "tools/call TOOL": ("count-letters", {}),
    "tools/call workflow_run": ("workflow_run", {"run": "none"}),
    "tools/call cancel_workflow_run": ("cancel_workflow_run", {"run": "none"}),
}


class Shared(NamedTuple):
    """A gateway whose callers an issuer signs in."""

    gateway: Gateway
    company: Issuer

    def token(self, person: str, **claims: Any) -> str:
        return self.company.token("first-EdDSA", sub=person, **claims)


@pytest.fixture(scope="module")
def shared(runtime: Runtime, published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    file = tmp_path_factory.mktemp("callers") / "workspaces.toml"
    with issuer() as company, pytest.MonkeyPatch.context() as patch:
        roles = "\n".join(f'{role} = ["group:{role}s", "{local_user()}"]' for role in ROLES)
        file.write_text(
            f'[workspaces.here]\nnamespace = "{NAMESPACE}"\n{roles}\n'
            f'[issuers.company]\nissuer = "{company.address}"\naudience = "{AUDIENCE}"\n'
        )
        file.chmod(0o644)
        patch.setenv("JUPYTER_WORKFLOWS_WORKSPACES", str(file))
        with serving(runtime.home, "--rate", "1000") as address:
            yield Shared(Gateway(address, runtime.home), company)


def signed_in(shared: Shared, person: str) -> str:
    """A token of the issuer, which says in which group somebody is."""
    return shared.token(f"some {person}", groups=[f"{person}s"])


def test_every_tool_and_route_has_a_row():
    routes = {f"{operation.method} {operation.path}" for operation in OPERATIONS}
    assert set(on_page("The gateway")) == routes | set(TOOLS) | {"tools/list", "GET /openapi.json"}


@pytest.mark.parametrize("person", PEOPLE)
def test_routes_are_for_the_roles_on_the_page(shared: Shared, person: str):
    wrong: list[str] = []
    for row, roles in on_page("The gateway").items():
        method, _, path = row.partition(" ")
        if not path.startswith("/"):
            continue
        at = re.sub(r"\{\w+\}", "none-0123456789abcdef", path)
        body = BODIES[path.rpartition("/")[2]] if method == "POST" else None
        answer = shared.gateway.send(method, at, body, token=signed_in(shared, person))
        if (answer.status == 403 and answer.json["error"]["code"] == "not-permitted") == (person in roles):
            wrong.append(f"{row}: {answer.status} {answer.json}")
    assert not wrong


@pytest.mark.parametrize("person", PEOPLE)
async def test_tools_are_for_the_roles_on_the_page(shared: Shared, person: str):
    rows = on_page("The gateway")
    wrong: list[str] = []
    async with client(shared.gateway.address, signed_in(shared, person), answer=False) as caller:
        if bool((await caller.list_tools()).tools) != (person in rows["tools/list"]):
            wrong.append("tools/list")
        for row, (tool, arguments) in TOOLS.items():
            said = str((await caller.call_tool(tool, arguments)).content)
            if ("has no right to" in said) == (person in rows[row]):
                wrong.append(f"{row}: {said}")
    assert not wrong


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"exp": 1}, {"iss": "https://evil.example"}])
def test_a_token_that_does_not_count_signs_nobody_in(shared: Shared, claims: dict[str, Any]):
    answer = shared.gateway.send("GET", "/workflows", token=shared.token("some admin", groups=["admins"], **claims))
    assert answer.status == 401


def test_a_token_made_here_has_the_roles_of_its_caller(shared: Shared):
    # Ada's may decide, and no role gives her anything here.
    assert shared.gateway.send("GET", "/workflows").json["error"]["code"] == "not-permitted"
