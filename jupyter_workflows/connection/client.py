"""From settings to a connected client."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, HeaderCodecBehavior, Plugin
from temporalio.service import GrpcCompression, KeepAliveConfig, PayloadLimitsConfig, RPCError

from ..errors import ConnectionFailed, EncryptionFailed
from ..payloads import data_converter, select_storage
from ..security.keyrings import KEYS_VARIABLE, encryption
from ..security.secrets import redacted
from ..security.workspaces import VARIABLE, WorkspacesFile
from ..telemetry import plugins as telemetry_plugins
from ..telemetry.metrics import native_runtime
from .diagnosis import diagnose
from .settings import LOOPBACK, Settings

if TYPE_CHECKING:
    from temporalio.runtime import Runtime

# How old the text of a step may be in its heartbeat: where the server is on this machine, viewers are told by the
# worker itself; elsewhere the heartbeat is all they have.
SELDOM = timedelta(seconds=1)
OFTEN = timedelta(milliseconds=200)
CONNECT_TIMEOUT = timedelta(seconds=4)
# A connection whose other end has gone without a word is found out within 15 s; by the SDK's defaults it takes 45, in
# which steps lose their attempts to missing heartbeats. Temporal's frontend hangs up on who asks more often than each
# 10 s: https://github.com/temporalio/temporal/blob/main/common/dynamicconfig/constants.go (frontend.keepAliveMinTime)
KEEP_ALIVE = KeepAliveConfig(interval_millis=11_000, timeout_millis=4_000)
MEMO_WARN_BYTES = 256 * 1024
# How the SDK's native part puts the status of its first call into words.
_STATUS = re.compile(r'code: (?P<code>\w+), message: "(?P<message>[^"]*)"')


class Places(Protocol):
    """What a connection needs of the package's home."""

    @property
    def keys(self) -> Path:
        """Directory of keys."""
        ...

    @property
    def blobs(self) -> Path:
        """Directory of large values."""
        ...

    @property
    def limits(self) -> Path:
        """Directory of the rate limits that workers share."""
        ...


async def connect(
    settings: Settings,
    *,
    home: Places | None = None,
    plugins: Sequence[Plugin] | None = None,
    identity: str | None = None,
    runtime: Runtime | None = None,
    timeout: timedelta = CONNECT_TIMEOUT,
) -> Client:
    """A connected client, with our data converter and plugin, whose namespace was seen to exist.

    Cost: 5 to 10 ms to a server on this machine. A failure is told within `timeout` and a second.

    Args:
        settings: Where to connect to.
        home: Where large values, rate limits and keys are kept; without one, values stay in history (2 MB at most),
            and are encrypted only with the keys in the environment.
        plugins: Temporal plugins instead of the package's own; none for a client that no worker is made of.
        identity: Who history says made a call; `pid@host` by default.
        runtime: The SDK's native runtime, where it is to tell metrics; the process's own by default.
        timeout: How long to try.

    Raises:
        ConnectionFailed: Nothing answers there, it speaks another protocol, it refuses us, or it has no such
            namespace; names the value, where it was set, and the remedy.
        PayloadError: The storage setting makes no sense, or encryption is on and its keys can't be had.
    """
    plugins = [own_plugin(settings, home)] if plugins is None else plugins
    options = wire_options(settings, home)
    runtime = runtime or native_runtime()
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            client = await Client.connect(
                settings.address,
                namespace=settings.namespace,
                identity=identity,
                plugins=[*telemetry_plugins(redacted), *plugins],
                runtime=runtime,
                keep_alive_config=KEEP_ALIVE,
                **options,
            )
            await _see_namespace(client, settings)
            return client
    except TimeoutError:
        reason = f"no answer within {timeout.total_seconds():g} s"
    except RPCError as error:
        raise _refused(error.status.name, error.message, settings) or await diagnose(
            settings, f"{error.status.name.lower().replace('_', ' ')}: {error.message}"
        ) from None
    except (RuntimeError, ValueError) as error:
        told = _STATUS.search(str(error))
        refused = _refused(_snake(told["code"]), told["message"], settings) if told else None
        if refused:
            raise refused from None
        reason = str(error)
    raise await diagnose(settings, reason)


def own_plugin(settings: Settings, home: Places | None) -> Plugin:
    """The package's own plugin, for a client that a worker is made of."""
    from ..plugin import EnginePlugin

    pace = SELDOM if is_near(settings) else OFTEN
    return EnginePlugin(home.limits if home else None, checkpoint=pace, workspaces=partial(workspaces_of, home))


def workspaces_of(home: Places | None) -> WorkspacesFile | None:
    """The file of workspaces that a home or the environment names; None where neither is there."""
    if home is None and VARIABLE not in os.environ:
        return None
    return WorkspacesFile.of_home(home.keys.parent if home else Path())


def refuse_in_clear(settings: Settings, home: Places | None) -> None:
    """Refuses to connect without encryption where the workspace is for encrypted values only.

    Raises:
        EncryptionFailed: It is.
        WorkspacesInvalid: The file of workspaces can't be used.
    """
    file = workspaces_of(home)
    found = file.read() if file else None
    workspace = found.workspaces.get(settings.namespace) if found else None
    if found and workspace and workspace.encrypted:
        raise EncryptionFailed(
            f"the workspace {workspace.name} is for encrypted values only ({found.path}): `jupyter workflows "
            f"encryption on`, or set {KEYS_VARIABLE}"
        )


def is_near(settings: Settings) -> bool:
    """Whether the server is on this machine."""
    return settings.host in LOOPBACK


def wire_options(settings: Settings, home: Places | None) -> dict[str, Any]:
    """How values and calls travel.

    Raises:
        PayloadError: The storage setting makes no sense, or encryption is on and its keys can't be had.
    """
    codec = encryption(home.keys if home else None, settings.namespace)
    if codec is None:
        refuse_in_clear(settings, home)
    storages = select_storage(home.blobs, server=settings.address) if home else []
    return {
        "api_key": settings.api_key,
        "tls": False if settings.tls is None and not settings.api_key else settings.tls,
        "rpc_metadata": dict(settings.headers),
        "data_converter": data_converter(*storages, codec=codec),
        "header_codec_behavior": HeaderCodecBehavior.CODEC if codec else HeaderCodecBehavior.NO_CODEC,
        # Memos of ours hold what people are shown and what was done to schedules; the SDK warns of each above 2 KiB.
        "payload_limits": PayloadLimitsConfig(memo_warn_size=MEMO_WARN_BYTES),
        # The SDK's default is gzip. Within one machine it would only cost processor time.
        "grpc_compression": GrpcCompression.NONE if is_near(settings) else GrpcCompression.GZIP,
    }


async def _see_namespace(client: Client, settings: Settings) -> None:
    request = DescribeNamespaceRequest(namespace=settings.namespace)
    await client.workflow_service.describe_namespace(request, retry=False)


def _refused(status: str, message: str, settings: Settings) -> ConnectionFailed | None:
    """What a server's own refusal means; `None` for other statuses."""
    if status == "NOT_FOUND":
        return ConnectionFailed(
            f"the Temporal server at {settings.address} has no namespace {settings.namespace!r}"
            f"{settings.source('namespace')}. Correct TEMPORAL_NAMESPACE, or create it: "
            f"temporal operator namespace create --namespace {settings.namespace}"
        )
    if status in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        means = f"the API key{settings.source('api_key')}" if settings.api_key else "a connection without an API key"
        return ConnectionFailed(
            f"the Temporal server at {settings.address}{settings.source('address')} refuses {means} for namespace "
            f"{settings.namespace!r}{settings.source('namespace')}: {message.rstrip('.')}. "
            "Check TEMPORAL_API_KEY, the client certificate, and what they may do there"
        )
    return None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
