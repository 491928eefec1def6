"""What a worker host must be like to run a notebook's steps as its kernel would."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .paths import Home, read_json, write_private

if TYPE_CHECKING:
    from ..connection import Settings

# Read once when a process starts, so a process that runs already can't take them over.
_START_ONLY_PREFIXES = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "OTEL_")
_START_ONLY_NAMES = ("LANG", "LC_ALL", "LC_CTYPE")


class HostSpec(NamedTuple):
    """Which worker host a notebook needs.

    Args:
        python: The interpreter of its kernel.
        cwd: Its working directory.
        notebook: Path of the notebook; None in a terminal or where it is not known.
        env: The kernel's environment. It stays in memory and is never written to disk.
        sys_path: The kernel's `sys.path`.
        umask: The kernel's umask, for the files that steps write.
        server: `host:port/namespace` of the Temporal server it works for; None for the embedded one.
        known_as: Its key, where all else about it is forgotten.
    """

    python: str
    cwd: str
    notebook: str | None = None
    env: dict[str, str] = {}  # noqa: RUF012 - never changed in place
    sys_path: tuple[str, ...] = ()
    umask: int = 0o022
    server: str | None = None
    known_as: str | None = None

    @classmethod
    def of_this_process(cls, notebook: str | os.PathLike[str] | None = None) -> HostSpec:
        """A host that is to steps what this process would be."""
        path = str(Path(notebook).absolute()) if notebook else None
        return cls(
            python=sys.executable,
            cwd=str(Path.cwd()),
            notebook=path,
            env=dict(os.environ),
            sys_path=tuple(sys.path),
            umask=_umask(),
        )

    @classmethod
    def from_message(cls, content: dict[str, Any]) -> HostSpec:
        """The spec that `message` or a file describes."""
        return cls(
            python=str(content["python"]),
            cwd=str(content["cwd"]),
            notebook=content.get("notebook"),
            env={str(name): str(value) for name, value in content.get("env", {}).items()},
            sys_path=tuple(content.get("sys_path", ())),
            umask=int(content.get("umask", 0o022)),
            server=content.get("server"),
            known_as=content.get("known_as"),
        )

    def __repr__(self) -> str:
        """Without the environment: it may hold keys, and a representation ends up in logs."""
        return f"HostSpec({self.python!r}, {self.cwd!r}, notebook={self.notebook!r})"

    @property
    def key(self) -> str:
        """What identifies the host: the same for every kernel of one notebook and interpreter."""
        if self.known_as:
            return self.known_as
        import hashlib

        place = [self.notebook or self.cwd, self.python]
        identity = json.dumps([*place, self.server] if self.server else place)
        return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:12]

    @property
    def start_only(self) -> dict[str, str]:
        """The variables that count only when a process starts."""
        return {
            name: value
            for name, value in self.env.items()
            if name.startswith(_START_ONLY_PREFIXES) or name in _START_ONLY_NAMES
        }

    def message(self, *, with_env: bool = True) -> dict[str, Any]:
        """The spec as JSON; for the disk without the environment."""
        content: dict[str, Any] = {
            "python": self.python,
            "cwd": self.cwd,
            "notebook": self.notebook,
            "umask": self.umask,
            "server": self.server,
            "known_as": self.known_as,
        }
        content["sys_path"] = list(self.sys_path)
        return {**content, "env": self.env} if with_env else content

    def for_server(self, settings: Settings) -> HostSpec:
        """The same host, working for a Temporal server that is not the embedded one.

        How to talk to it goes into the environment, in memory: an API key is never written to disk.
        """
        named = {"TEMPORAL_ADDRESS": settings.address, "TEMPORAL_NAMESPACE": settings.namespace}
        if settings.api_key:
            named["TEMPORAL_API_KEY"] = settings.api_key
        if isinstance(settings.tls, bool):
            named["TEMPORAL_TLS"] = str(settings.tls).lower()
        return self._replace(server=f"{settings.address}/{settings.namespace}", env={**self.env, **named})

    def settings(self) -> Settings | None:
        """How to reach the server it works for, seen from inside the host; None for the embedded one."""
        from ..connection import Settings

        if self.server is None:
            return None
        address, _, namespace = self.server.rpartition("/")
        return Settings.from_environment(self.env) or Settings(address, namespace)

    def with_env(self, env: dict[str, str]) -> HostSpec:
        """The same host in another environment."""
        return self._replace(env=env)


class Serving(NamedTuple):
    """One thing a host is to serve.

    Args:
        bundle: The bundle's directory.
        queue: The queue of runs that were resumed on this bundle; empty for the bundle's own queue.
    """

    bundle: str
    queue: str = ""

    @classmethod
    def from_message(cls, content: list[str]) -> Serving:
        """The serving that a message describes."""
        bundle, queue = content
        return cls(str(bundle), str(queue))


def remember(home: Home, spec: HostSpec, servings: list[Serving]) -> None:
    """Write down which bundles a host serves, so that it can be started without its kernel.

    What it serves for resumed runs is not written: the server's list of open runs says it.
    """
    bundles = [serving.bundle for serving in servings if not serving.queue]
    write_private(home.hosts / f"{spec.key}.json", {**spec.message(with_env=False), "bundles": bundles})


def remember_server(home: Home, spec: HostSpec, bundle: str) -> None:
    """Write down which host served a bundle last, for whoever starts a run of it when that host is long gone."""
    write_private(served_by(home, bundle), spec.message(with_env=False))


def last_server(home: Home, bundle: str) -> HostSpec | None:
    """The host that served a bundle last; None where nobody knows."""
    try:
        return HostSpec.from_message(read_json(served_by(home, bundle)))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def served_by(home: Home, bundle: str) -> Path:
    """The file that names the host of a bundle."""
    return home.served / f"{Path(bundle).name}.json"


def forget(home: Home, key: str) -> None:
    """The host is not needed without its kernel any more."""
    (home.hosts / f"{key}.json").unlink(missing_ok=True)


def remembered(home: Home) -> list[tuple[HostSpec, list[str]]]:
    """All hosts that were written down, the one used last first; unreadable entries are left out."""
    found: list[tuple[HostSpec, list[str]]] = []
    for path in sorted(home.hosts.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        content = read_json(path)
        try:
            found.append((HostSpec.from_message(content), [str(bundle) for bundle in content["bundles"]]))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def _umask() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    # Elsewhere it can only be read by setting it.
    current = os.umask(0o077)
    os.umask(current)
    return current
