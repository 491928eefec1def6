"""What an operator sets by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast, get_args

from ..errors import CommandError

PREFIX = "JUPYTER_WORKFLOWS_"
Promote = Literal["first", "always", "never"]


@dataclass(frozen=True)
class Address:
    """Where an endpoint listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ServiceSettings:
    """How a deployed worker serves.

    Args:
        queue: The task queue.
        health: Where `/healthz` and `/readyz` are; None for nowhere.
        metrics: Where Prometheus finds `/metrics`; None for nowhere.
        grace: How long its steps may run on after it is told to end.
        promote: Whether this version becomes the one that new runs start on: `"first"` where there is none yet.
        trusted_keys: Directory or file of the public keys of reviewers; None trusts those of the package's home.
    """

    queue: str
    health: Address | None
    metrics: Address | None
    grace: timedelta
    promote: Promote
    trusted_keys: Path | None

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str] | None = None) -> ServiceSettings:
        """The settings in force.

        Args:
            name: The package's name, after which its task queue is called by default.
            environment: The variables; the process's own by default.

        Raises:
            CommandError: One makes no sense; names it.
        """
        found = Variables(os.environ if environment is None else environment)
        keys = found.text("TRUSTED_KEYS")
        return cls(
            queue=found.text("TASK_QUEUE") or name,
            health=found.address("HEALTH", "127.0.0.1:8080"),
            metrics=found.address("METRICS", "127.0.0.1:9464"),
            grace=timedelta(seconds=found.seconds("GRACE_SECONDS", 30.0)),
            promote=found.promote("PROMOTE"),
            trusted_keys=Path(keys) if keys else None,
        )


class Variables:
    """Reads variables and says which one makes no sense."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def text(self, name: str) -> str:
        """The text of a variable; empty where it is not set."""
        return self.environment.get(PREFIX + name, "").strip()

    def address(self, name: str, default: str) -> Address | None:
        """`HOST:PORT`; `off` for nowhere.

        Raises:
            CommandError: It is neither.
        """
        text = self.text(name) or default
        if text == "off":
            return None
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise CommandError(f"{PREFIX}{name} is {text!r}: give HOST:PORT such as {default}, or off")
        return Address(host.strip("[]"), int(port))

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds.

        Raises:
            CommandError: It is none.
        """
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = -1.0
        if not 0 <= value <= 86_400:
            raise CommandError(f"{PREFIX}{name} is {text!r}: give seconds from 0 to 86400, such as {default:g}")
        return value

    def promote(self, name: str) -> Promote:
        """When a version is promoted by itself.

        Raises:
            CommandError: It is none of the words.
        """
        text = self.text(name) or "first"
        if text not in get_args(Promote):
            raise CommandError(f"{PREFIX}{name} is {text!r}: give {', '.join(get_args(Promote))}")
        return cast("Promote", text)
