"""A URL from workflow code leads to the open Internet or nowhere, and never takes a key along."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chaos.rows.inner_addresses import INSIDE
from jupyter_workflows import ai
from jupyter_workflows.ai.addresses import checked_address, is_allowed
from jupyter_workflows.ai.servers import server_for
from jupyter_workflows.errors import ModelCallFailed
from jupyter_workflows.testing import ModelServer

BLOCKED = [url.replace("{port}", "8080") for url in INSIDE]


@pytest.mark.parametrize("url", BLOCKED)
async def test_a_server_by_url_is_blocked(url: str) -> None:
    with pytest.raises(ModelCallFailed) as caught:
        await ai.chat("Go", server=url, model="m")
    assert caught.value.kind in ("blocked_address", "no_server"), "nothing was asked of a resolver or a server"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", BLOCKED)
async def test_a_document_by_url_is_blocked(models: ModelServer, url: str) -> None:
    with pytest.raises(ModelCallFailed):
        await ai.ocr(url)
    assert models.count == 0


def answers(*addresses: str) -> Any:
    """A resolver that gives these addresses, one list after the other."""
    left = list(addresses)

    async def getaddrinfo(self: Any, host: str, port: int, **options: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found.split()]

    return getaddrinfo


@pytest.mark.parametrize("found", ["127.0.0.1", "93.184.216.34 10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_inside_is_blocked(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    # No real name resolves to such addresses without a network; the resolver is the only thing replaced.
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers(found))
    with pytest.raises(ModelCallFailed, match="is no public address"):
        await ai.chat("Go", server="https://models.example.com", model="m")


async def test_a_name_that_changes_its_mind_gets_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, models: ModelServer
) -> None:
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers("93.184.216.34", "127.0.0.1"))
    assert await checked_address("http://models.example.com") == "93.184.216.34"


async def test_an_allowed_host_is_asked_without_a_key(monkeypatch: pytest.MonkeyPatch, models: ModelServer) -> None:
    monkeypatch.setenv("JUPYTER_WORKFLOWS_ALLOWED_HOSTS", models.url.removeprefix("http://"))
    with pytest.raises(ModelCallFailed, match="HTTP 401"):
        await ai.chat("Go", server=models.url, model="m")
    assert [call.key_ok for call in models.calls] == [False]


async def test_a_redirect_inside_is_not_followed(models: ModelServer) -> None:
    models.fault("redirect", location=f"{models.url}/v1/other")
    with pytest.raises(ModelCallFailed, match="a redirect is never followed"):
        await ai.chat("Go")
    assert models.count == 1


def test_hosts_are_allowed_by_name_or_by_name_and_port() -> None:
    assert is_allowed("Models.corp", 80, ["models.corp"])
    assert is_allowed("models.corp", 8000, ["models.corp:8000"])
    assert not is_allowed("models.corp", 80, ["models.corp:8000", "corp"])


def test_a_named_server_is_told_by_the_environment_alone() -> None:
    found = server_for("vllm", {"VLLM_SERVER_URL": "http://10.0.0.7:8000/v1/", "VLLM_API_KEY": "secret-key"})
    assert (found.url, found.key, found.trusted) == ("http://10.0.0.7:8000", "secret-key", True)
    assert "secret-key" not in repr(found)
    with pytest.raises(ModelCallFailed, match="set VLLM_SERVER_URL"):
        server_for("vllm", {"MISTRAL_API_KEY": "secret-key"})
    with pytest.raises(ModelCallFailed, match="set MISTRAL_API_KEY"):
        server_for("mistral", {})
    assert server_for(None, {"MISTRAL_API_KEY": "secret-key"}).name == "mistral"
    chosen = server_for(None, {"JUPYTER_WORKFLOWS_MODEL_SERVER": "http://127.0.0.1:9", "MISTRAL_API_KEY": "secret-key"})
    assert (chosen.trusted, chosen.key) == (True, None)
