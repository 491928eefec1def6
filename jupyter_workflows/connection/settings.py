"""Which Temporal server to talk to, and how: from arguments, `TEMPORAL_*` variables or a profile file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio.service import TLSConfig

from ..errors import ConnectionFailed

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConfigProfile

DEFAULT_NAMESPACE = "default"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Settings:
    """Where a Temporal server is and how to talk to it; secrets never show in the repr.

    Args:
        address: `host:port` of the frontend's gRPC service.
        namespace: The namespace for everything.
        api_key: Sent as bearer token; never in the clear, except to this machine.
        tls: `True` for the system's certificates, a `TLSConfig` for others; an API key alone switches it on.
        headers: gRPC metadata of every call.
        sources: Where a field's value was found, by field name, for messages.

    Raises:
        ConnectionFailed: The address is no `host:port`, or the API key would be sent in the clear.
    """

    address: str
    namespace: str = DEFAULT_NAMESPACE
    api_key: str | None = field(default=None, repr=False)
    tls: bool | TLSConfig | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    sources: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)

    def __post_init__(self) -> None:
        host = self._checked_host()
        if self.api_key and self.tls is False and host not in LOOPBACK:
            raise ConnectionFailed(
                f"the API key{self.source('api_key')} would be sent to {self.address} in the clear, because TLS is "
                f"switched off{self.source('tls')}. Switch TLS on: tls=True, or TEMPORAL_TLS=true"
            )

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return bool(self.api_key) if self.tls is None else bool(self.tls)

    @property
    def host(self) -> str:
        """The host of the address, without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of the address."""
        return int(self.address.rpartition(":")[2])

    def source(self, name: str) -> str:
        """Where a field's value was found, as an addition to a sentence."""
        return f" (from {self.sources[name]})" if name in self.sources else ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings | None:
        """The settings of `TEMPORAL_*` variables and Temporal's profile file; `None` where nothing is set.

        Args:
            environment: The variables; the process's own by default.

        Raises:
            ConnectionFailed: A file or value makes no sense; names it, where it is from, and the remedy.
        """
        variables = dict(os.environ if environment is None else environment)
        sources = _Sources(variables)
        profile = _load(variables, sources)
        found: dict[str, Any] = {
            "address": profile.address,
            "namespace": profile.namespace,
            "api_key": profile.api_key,
            "tls": _tls(profile, sources),
            "headers": profile.grpc_meta,
        }
        given = {name: value for name, value in found.items() if value not in (None, "", {})}
        if not given:
            return None
        named = {name: sources.of(name) for name in given}
        if "address" not in given:
            raise ConnectionFailed(
                f"{' and '.join(f'{name} ({where})' for name, where in named.items())} is set for a Temporal server, "
                "but no address. Set TEMPORAL_ADDRESS=host:port, or unset it to use the embedded server"
            )
        return cls(**given, sources=named)

    def _checked_host(self) -> str:
        if "://" in self.address:
            raise ConnectionFailed(
                f"the address {self.address!r}{self.source('address')} is a URL. Give host:port without the scheme, "
                "such as 'localhost:7233'"
            )
        host, _, port = self.address.rpartition(":")
        if not host or host.strip() != host or "/" in host or (":" in host and not host.startswith("[")):
            raise ConnectionFailed(
                f"the address {self.address!r}{self.source('address')} is not host:port. "
                "Give both, such as 'localhost:7233' or '[::1]:7233'"
            )
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConnectionFailed(
                f"the address {self.address!r}{self.source('address')} has the port {port!r}. "
                "Give a number from 1 to 65535; Temporal's usual one is 7233"
            )
        return host.strip("[]")


class _Sources:
    """Where Temporal's own loader finds what."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.profile = variables.get("TEMPORAL_PROFILE") or "default"
        chosen = variables.get("TEMPORAL_CONFIG_FILE")
        self.file = Path(chosen) if chosen else _default_file(variables)
        self.is_chosen = bool(chosen)

    def of(self, name: str) -> str:
        if name == "headers":
            prefix = "TEMPORAL_GRPC_META_"
        else:
            prefix = "TEMPORAL_TLS" if name == "tls" else f"TEMPORAL_{name.upper()}"
        exact = name not in {"headers", "tls"}
        set_by = [key for key in self.variables if (key == prefix if exact else key.startswith(prefix))]
        return ", ".join(sorted(set_by)) or f"profile {self.profile!r} of {self.file}"


def _default_file(variables: Mapping[str, str]) -> Path:
    """Where Temporal's tools look: https://docs.temporal.io/develop/environment-configuration."""
    home = Path(variables.get("HOME") or variables.get("USERPROFILE") or "~")
    if sys.platform == "darwin":
        directory = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        directory = Path(variables.get("AppData") or variables.get("APPDATA") or home)
    else:
        directory = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    return directory / "temporalio" / "temporal.toml"


def _load(variables: Mapping[str, str], sources: _Sources) -> ClientConfigProfile:
    from temporalio.envconfig import ClientConfigProfile

    if sources.is_chosen and not sources.file.exists():
        raise ConnectionFailed(
            f"TEMPORAL_CONFIG_FILE is {str(sources.file)!r}, and there is no such file. Correct or unset it"
        )
    try:
        return ClientConfigProfile.load(override_env_vars=variables)
    except Exception as error:  # noqa: BLE001 - the SDK's loader raises a class of its native module
        # The parser's message may quote a line of the file, and with it a key.
        reason = str(error).strip().splitlines()
        text = str(error)
        if "not found" in text and "rofile" in text:
            raise ConnectionFailed(
                f"TEMPORAL_PROFILE is {sources.profile!r}, and {sources.file} has no such profile. "
                f"Correct it, or add [profile.{sources.profile}] to the file"
            ) from None
        raise ConnectionFailed(
            f"Temporal's settings can't be read from {sources.file}: {reason[0] if reason else 'no reason given'}. "
            "Correct the file, or move it away"
        ) from None


def _tls(profile: ClientConfigProfile, sources: _Sources) -> bool | TLSConfig | None:
    if profile.tls is None:
        return None
    try:
        told = profile.tls.to_connect_tls_config()
    except OSError as error:
        raise ConnectionFailed(
            f"the TLS file {error.filename!r} ({sources.of('tls')}) can't be read: {error.strerror}. Correct the path"
        ) from None
    if isinstance(told, TLSConfig) and profile.tls.disabled is None and told == TLSConfig():
        raise ConnectionFailed(
            f"{sources.of('tls')} is set to something that is neither true nor false. Set TEMPORAL_TLS=true or =false"
        )
    return told
