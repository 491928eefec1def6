"""The one daemon of a home: parent of the Temporal server and of all worker hosts.

It is started by the first client that needs it (`runtime.ensure`), answers on a Unix socket, starts again what dies,
and ends with `down`. Its children can't outlive it. Only the standard library is imported here: the server's start
waits for this module.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import RuntimeFailed
from .children import Child, log_standard_streams, trim_log
from .diagnosis import full_disk
from .events import EventLoop, Peer
from .hosts import BOOT, HostTable
from .paths import Home, read_json, write_private
from .protocol import PROTOCOL, Message, listen, peer
from .server import DATABASE_FILES, NAMESPACE, STOP_SECONDS, TemporalServer
from .specs import HostSpec, Serving, forget, last_server, remembered

LOG_BYTES = 4 * 1024 * 1024
LOG_SECONDS = 30.0
HOST_STOP_SECONDS = 1.2
SPARE_IDLE_SECONDS = 1800.0
RESTORE_AGAIN_SECONDS = 0.5
FAILED_SECONDS = 5.0
CLEANUP_FIRST_SECONDS = 300.0
CLEANUP_SECONDS = 24 * 3600.0
SCHEDULE_SECONDS = 2.0
SCHEDULE_PAUSES = 20
"""So many times as long as a look for scheduled runs took, nobody looks again."""
QUEUES_PER_LOOK = 100


class Client:
    """A connected kernel, terminal or server."""

    def __init__(self, number: int, pid: int | None) -> None:
        self.number = number
        self.pid = pid
        self.peer: Peer | None = None
        self.waits_with: int | None = None

    def answer(self, request: Message, content: Message) -> None:
        """Answer a request of this client."""
        if self.peer:
            self.peer.send({**content, "id": request.get("id"), "ok": "error" not in content})

    def notice(self, content: Message) -> None:
        """Tell this client something it has not asked for."""
        if self.peer:
            self.peer.send(content)


class Supervisor:
    """Holds the runtime of one home together.

    Args:
        home: Its directories, made already.
        binary: The `temporal` to run.
        version: What the binary says its version is.
        package_version: The version of this package.
        idle_seconds: How long a worker host without lease and open runs is kept.
        spare: Whether to have a worker host ready for the next notebook.
    """

    def __init__(
        self, home: Home, binary: Path, *, version: str, package_version: str, idle_seconds: float, spare: bool
    ) -> None:
        self.home = home
        self.loop = EventLoop()
        self.server = TemporalServer(home, binary, self.loop, self._on_server)
        self.table = HostTable(home, self.loop, idle_seconds, spare=spare)
        self.clients: dict[int, Client] = {}
        self._versions = {"temporal": version, "package": package_version, "protocol": str(PROTOCOL)}
        self._python = sys.executable
        self._listener: socket.socket | None = None
        self._started = time.monotonic()
        self._last_client = 0
        self._cleanup: Child | None = None
        self._hosts_restored = False
        self._ending: list[tuple[Client, Message]] | None = None
        self._lock = -1

    # Start -----------------------------------------------------------------------------------------------------------

    def start(self, lock: int) -> None:
        """Start the server, listen, and have a worker host ready; `lock` is the held lock of the home."""
        self._lock = lock
        self.loop.on_signal(signal.SIGCHLD, self._on_child)
        self.loop.on_signal(signal.SIGTERM, self._end)
        # The directory itself stays: a client may be making sure of it just now.
        for left in self.home.tokens.glob("*"):
            with suppress(OSError):
                left.unlink()
        self.server.start()
        self._listener = listen(self.home.socket)
        self.loop.watch(self._listener, selectors.EVENT_READ, self._on_connect)
        self.table.keep_spare(HostSpec(self._python, str(self.home.data), env=dict(os.environ)))
        self.loop.call_later(LOG_SECONDS, self._every_so_often)
        self.loop.call_later(CLEANUP_FIRST_SECONDS, self._clean_up)
        self.loop.call_later(SCHEDULE_SECONDS, self._serve_scheduled)

    def _on_server(self) -> None:
        server = self.server
        if server.state == "starting" and server.child:
            self.table.move(server.address)
        elif server.state == "ready":
            self._publish()
            if server.restarts:
                self.table.tell_server_is_back(time.time() - server.ready_seconds)
            self._restore_hosts()
            for client in self._waiting():
                self._welcome(client)
            for client in self.clients.values():
                client.notice({"notice": "server", "address": server.address})
        elif server.failure:
            sys.stderr.write(f"{server.failure.text}\n")
            self._refuse_waiting()
            if server.state == "failed":
                self.loop.call_later(FAILED_SECONDS, self._end_if_useless)

    def _publish(self) -> None:
        with suppress(OSError):
            write_private(
                self.home.runtime_file,
                {
                    "address": self.server.address,
                    "namespace": NAMESPACE,
                    "pid": os.getpid(),
                    "hostname": socket.gethostname(),
                    "socket": str(self.home.socket),
                    "versions": self._versions,
                },
            )

    def _restore_hosts(self) -> None:
        """Start the hosts of open runs, whoever started them: after a crash or reboot no kernel may ever come back."""
        if self._hosts_restored or self.server.state != "ready" or self._ending is not None:
            return
        known = remembered(self.home)
        if not known and not any(self.home.bundles.iterdir()):
            return
        try:
            wanted = self._open_queues()
        except OSError as error:
            sys.stderr.write(f"open runs could not be listed, trying again: {error}\n")
            self.loop.call_later(RESTORE_AGAIN_SECONDS, self._restore_hosts)
            return
        self._hosts_restored = True
        environment = dict(os.environ)
        for spec, bundles in known:
            needed = [Serving(bundle) for bundle in bundles if (_queue(bundle, spec.key), "") in wanted]
            needed += _resumed(self.home, wanted, spec.key)
            wanted = {(queue, version) for queue, version in wanted if _host_key(queue) != spec.key}
            if needed:
                self.table.restore(spec.with_env(environment), needed)
            elif spec.key not in self.table.hosts:
                with suppress(OSError):
                    forget(self.home, spec.key)
        for key, servings in _orphaned(self.home, wanted).items():
            spec = HostSpec(self._python, str(self.home.data), env=environment, known_as=key)
            self.table.restore(spec, servings)

    def _serve_scheduled(self) -> None:
        """Start the hosts of runs that a schedule has started while nobody was there."""
        began = time.monotonic()
        if self.server.state == "ready" and self._ending is None:
            with suppress(OSError):
                self._look_for_scheduled()
        # All clients wait meanwhile: where a look takes long, there are few.
        wait = max(SCHEDULE_SECONDS, SCHEDULE_PAUSES * (time.monotonic() - began))
        self.loop.call_later(wait, self._serve_scheduled)

    def _look_for_scheduled(self) -> None:
        scheduled = scheduled_queues(self.home)
        for host in self.table.hosts.values():
            for each in host.servings:
                if not each.queue:
                    scheduled.pop(_queue(each.bundle, host.spec.key), None)
        names = sorted(scheduled)
        for first in range(0, len(names), QUEUES_PER_LOOK):
            asked = set(names[first : first + QUEUES_PER_LOOK])
            while asked and (queue := self.server.api.queue_with_open_runs(NAMESPACE, asked)) in asked:
                asked.remove(queue)
                self._serve(_host_key(queue), scheduled[queue])

    def _serve(self, key: str, bundle: Path) -> None:
        """Start the host with this key, as it was when it served the bundle last."""
        spec = last_server(self.home, str(bundle))
        if spec is None or spec.key != key:
            spec = HostSpec(self._python, str(self.home.data), known_as=key)
        self.table.restore(self.table.present(spec.with_env(dict(os.environ))), [Serving(str(bundle))])

    def _open_queues(self) -> set[tuple[str, str]]:
        queues, page = self.server.api.open_queues(NAMESPACE)
        while page:
            more, page = self.server.api.open_queues(NAMESPACE, page)
            queues |= more
        return queues

    # Clients ---------------------------------------------------------------------------------------------------------

    def _on_connect(self, _events: int) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        pid, user = peer(connection)
        if user != os.geteuid():
            connection.close()
            return
        self._last_client += 1
        client = self.clients[self._last_client] = Client(self._last_client, pid)
        client.peer = Peer(
            self.loop, connection, lambda message: self._on_message(client, message), lambda: self._on_hangup(client)
        )

    def _on_hangup(self, client: Client) -> None:
        del self.clients[client.number]
        self.table.release(client.number)
        self._end_if_homeless()

    def _on_message(self, client: Client, message: Message) -> None:
        operations: dict[str, Callable[[Client, Message], None]] = {
            "hello": self._hello,
            "prepare": self._prepare,
            "load": self._load,
            "replay": self._ask_host,
            "foresee": self._ask_host,
            "keep": self._ask_host,
            "status": self._status,
            "down": self._down,
        }
        operation = operations.get(str(message.get("op")))
        if operation is None:
            client.answer(message, {"error": f"unknown request {message.get('op')!r}"})
            return
        try:
            operation(client, message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            client.answer(message, {"error": f"malformed request {message.get('op')!r}: {error!r}"})

    def _hello(self, client: Client, message: Message) -> None:
        if message["protocol"] != PROTOCOL:
            text = (
                f"The runtime was started by jupyter-workflows {self._versions['package']}, another version than this."
            )
            client.answer(
                message, {"error": f"{text} Run `jupyter workflows down` once, then try again.", "kind": "version"}
            )
            return
        client.waits_with = message["id"]
        self.table.refill()
        if self.server.state == "ready":
            self._welcome(client)
        elif self.server.state == "failed" or self.server.stays_down:
            # Whoever asks again may have cured it.
            self.server.start()

    def _prepare(self, client: Client, message: Message) -> None:
        self.table.prepare(HostSpec.from_message(message["spec"]), client.number)
        client.answer(message, {})

    def _load(self, client: Client, message: Message) -> None:
        if full := full_disk(self.home):
            client.answer(message, {"error": full.text, "kind": full.kind})
            return
        spec = HostSpec.from_message(message["spec"])
        if message.get("keep"):
            spec = self.table.present(spec)
        serving = Serving(str(message["bundle"]), str(message.get("queue", "")))
        self.table.load(spec, serving, client.number, lambda answer: client.answer(message, _plain(answer)))

    def _ask_host(self, client: Client, message: Message) -> None:
        spec = self.table.present(HostSpec.from_message(message["spec"]))
        question = {name: value for name, value in message.items() if name not in ("id", "spec")}
        self.table.ask(spec, client.number, question, lambda answer: client.answer(message, _plain(answer)))

    def _status(self, client: Client, message: Message) -> None:
        self.table.report(lambda hosts: client.answer(message, {"status": self._describe(hosts)}))

    def _down(self, client: Client, message: Message) -> None:
        self._end()
        if self._ending is not None:
            self._ending.append((client, message))

    def _welcome(self, client: Client) -> None:
        request: Message = {"id": client.waits_with}
        client.waits_with = None
        full = full_disk(self.home)
        if full:
            client.answer(request, {"error": full.text, "kind": full.kind})
            return
        content = {"address": self.server.address, "namespace": NAMESPACE, "pid": os.getpid()}
        client.answer(request, {**content, "ready_seconds": round(self.server.ready_seconds, 3)})

    def _waiting(self) -> list[Client]:
        return [client for client in self.clients.values() if client.waits_with is not None]

    def _refuse_waiting(self) -> None:
        """Tell why there is no server, unless it has only just died and will be back in a moment."""
        failure = self.server.failure
        if failure is None or not (self.server.state == "failed" or self.server.stays_down):
            return
        for client in self._waiting():
            client.answer({"id": client.waits_with}, {"error": failure.text, "kind": failure.kind})
            client.waits_with = None

    def _describe(self, hosts: list[dict[str, Any]]) -> dict[str, Any]:
        server = self.server
        problems = [found.text for found in (server.failure, full_disk(self.home)) if found]
        return {
            "state": "running" if server.state == "ready" else "starting",
            "address": server.address,
            "namespace": NAMESPACE,
            "supervisor_pid": os.getpid(),
            "server_pid": server.child.pid if server.child else None,
            "server_restarts": server.restarts,
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "clients": sorted({client.pid for client in self.clients.values() if client.pid}),
            "hosts": hosts,
            "spare_pid": self.table.spare_pid,
            "database_bytes": sum(_size(Path(f"{self.home.database}{suffix}")) for suffix in DATABASE_FILES),
            "versions": self._versions,
            "problems": problems,
        }

    # Children and time -----------------------------------------------------------------------------------------------

    def _on_child(self) -> None:
        self.server.check()
        self.table.check()
        if self._cleanup and self._cleanup.ended:
            self._cleanup = None
        if self._ending is not None:
            self._go_on_ending()

    def _every_so_often(self) -> None:
        self._end_if_homeless()
        for log in self.home.logs.glob("*.log"):
            trim_log(log, LOG_BYTES)
        if not self.clients and not self.table.hosts and time.monotonic() - self._started > SPARE_IDLE_SECONDS:
            self.table.drop_spare()
        self.loop.call_later(LOG_SECONDS, self._every_so_often)

    def _clean_up(self) -> None:
        """Blobs of runs that Temporal has forgotten; in a process of its own, because it needs Temporal's SDK."""
        if self.server.state == "ready" and self._cleanup is None and self._ending is None:
            places = [str(self.home.data), str(self.home.runtime), self.server.address, NAMESPACE]
            with suppress(OSError):
                self._cleanup = Child(
                    [self._python, "-P", str(BOOT), "cleanup", *places],
                    environment=dict(os.environ),
                    log=self.home.logs / "supervisor.log",
                )
        self.loop.call_later(CLEANUP_SECONDS, self._clean_up)

    # End -------------------------------------------------------------------------------------------------------------

    def _end_if_homeless(self) -> None:
        """Nobody can reach a supervisor whose home was removed, and another one may live in its place."""
        try:
            found, held = self.home.lock.stat(), os.fstat(self._lock)
        except FileNotFoundError:
            self._end()
            return
        if (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino):
            self._end()

    def _end_if_useless(self) -> None:
        """A supervisor without a server serves nobody; the next client starts a new one."""
        if self.server.state == "failed":
            self._end()

    def _end(self) -> None:
        if self._ending is not None:
            return
        self._ending = []
        if self._listener:
            self.loop.forget(self._listener)
            self._listener.close()
            self._listener = None
            self.home.socket.unlink(missing_ok=True)
        for client in self.clients.values():
            client.notice({"notice": "down"})
        if self._cleanup:
            self._cleanup.kill()
        self.table.stop()
        self.loop.call_later(HOST_STOP_SECONDS, self._kill_hosts)
        self._go_on_ending()

    def _kill_hosts(self) -> None:
        for process in self.table.processes():
            process.child.kill()

    def _go_on_ending(self) -> None:
        if self.table.processes():
            return
        if self.server.child is None:
            self._finish()
        elif self.server.state != "stopped":
            self.server.stop()
            self.loop.call_later(STOP_SECONDS, self.server.child.kill)

    def _finish(self) -> None:
        shutil.rmtree(self.home.tokens, ignore_errors=True)
        for shared in {self.home.socket.parent, self.home.tokens.parent} - {self.home.runtime}:
            with suppress(OSError):
                # All homes with long paths have it: the last one removes it.
                shared.rmdir()
        self.server.state = "stopped"
        checkpoint(self.home.database)
        with suppress(OSError):
            self.home.runtime_file.unlink(missing_ok=True)
        for client, message in self._ending or ():
            client.answer(message, {})
        self.loop.stop()


def checkpoint(database: Path) -> None:
    """Write the log of a stopped server into its database; the server itself leaves it lying beside."""
    import sqlite3

    if not database.exists():
        return
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(database, timeout=1)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def hold_lock(home: Home) -> int | None:
    """Become the supervisor of this home: the open lock, or None when another one holds it."""
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    owner = {"pid": os.getpid(), "hostname": socket.gethostname(), "socket": str(home.socket)}
    with suppress(OSError):
        # The lock holds without its text, which a full disk does not take.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
    return descriptor


def main(arguments: list[str]) -> int:
    """Run as `boot.py supervisor SETTINGS`; tells its starter on standard output how the start went."""
    settings = json.loads(arguments[0])
    if os.fork():
        # The starter reaps this half; the other has no parent that could take it along.
        os._exit(0)
    os.umask(0o077)
    home = Home(Path(settings["data"]), Path(settings["runtime"]))
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    log_standard_streams()
    lock = None
    try:
        lock = hold_lock(home)
        if lock is None:
            report.write(json.dumps({"busy": True}))
            return 0
        supervisor = Supervisor(
            home,
            Path(settings["binary"]),
            version=settings["version"],
            package_version=settings["package_version"],
            idle_seconds=settings["idle_seconds"],
            spare=settings["spare"],
        )
        if settings.get("recover"):
            supervisor.server.recover = True
        supervisor.start(lock)
        report.write(json.dumps({"listening": True}))
    except (OSError, RuntimeFailed) as error:
        full = full_disk(home)
        report.write(json.dumps({"error": full.text if full else f"The runtime's supervisor can't start: {error}"}))
        return 1
    finally:
        report.close()
    supervisor.loop.run()
    return 0


def _plain(answer: Message) -> Message:
    return {name: value for name, value in answer.items() if name not in ("id", "ok", "died")}


def _queue(bundle: str, host: str) -> str:
    """The task queue of a bundle directory `jw_<digest16>` on a host; see `worker.task_queue`."""
    return f"{Path(bundle).name.replace('jw_', 'jw-', 1)}-{host}"


def _host_key(queue: str) -> str:
    """The key of the host that a queue belongs to; empty where it is nobody's."""
    # Anybody may start a run on a queue of any name.
    prefix, digest, host = [*queue.split("-"), "", ""][:3]
    return host if prefix == "jw" and digest.isalnum() and host.isalnum() else ""


def _resumed(home: Home, wanted: set[tuple[str, str]], key: str) -> list[Serving]:
    """What a host serves for runs that were resumed on another bundle than their queue's."""
    return [
        Serving(str(path), queue)
        for queue, version in sorted(wanted)
        if _host_key(queue) == key and version.isalnum() and (path := home.bundles / f"jw_{version}").is_dir()
    ]


def _orphaned(home: Home, wanted: set[tuple[str, str]]) -> dict[str, list[Serving]]:
    """What open runs need whose host nobody remembers, by the host's key."""
    found: dict[str, list[Serving]] = {}
    for queue, version in sorted(wanted):
        key = _host_key(queue)
        path = home.bundles / f"jw_{queue.split('-')[1]}" if key else home.bundles / "none"
        if key and not version and path.is_dir():
            found.setdefault(key, []).append(Serving(str(path)))
    for key in {_host_key(queue) for queue, _ in wanted} - {""}:
        if resumed := _resumed(home, wanted, key):
            found.setdefault(key, []).extend(resumed)
    return found


def scheduled_queues(home: Home) -> dict[str, Path]:
    """The queues of all schedules that were made here, with the bundles that serve them, as far as these are here."""
    found: dict[str, Path] = {}
    for note in home.schedules.glob("*.json"):
        queue = str(read_json(note).get("queue", ""))
        path = home.bundles / f"jw_{queue.split('-')[1]}" if (key := _host_key(queue)) else None
        if path and queue == _queue(str(path), key) and path.is_dir():
            found[queue] = path
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
