"""The supervisor's side of the worker hosts: one process per notebook, a warm spare, restarts, leases.

A host runs as long as a kernel holds a lease on it (an open connection to the supervisor) or one of its bundles has an
open run. When it dies, the spare takes over its bundles, so that its steps go on without waiting for imports.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from .children import Backoff, Child
from .events import EventLoop, Peer, Timer
from .paths import Home
from .protocol import Message, nothing
from .server import NAMESPACE
from .specs import HostSpec, Serving, forget, remember, remember_server

BOOT = Path(__file__).with_name("boot.py")
REFILL_SECONDS = 3.0
"""A new spare takes a second of processor time, which the run that has just begun needs more."""
REFILL_AFTER_DEATH_SECONDS = 0.5
"""What killed a host often kills again: the next one should find a spare."""
LOAD_ATTEMPTS = 3
CONFIRMED_SECONDS = 60.0
"""How long the word of a host that it serves a bundle is good; it keeps one longer (`host.KEPT_SECONDS`)."""
REPORT_SECONDS = 1.0

Reply = Callable[[Message], None]


class HostProcess:
    """A worker host process and the socket it is commanded over.

    Args:
        loop: The supervisor's loop.
        spec: What it is started with; a spare gets its final one later, with `adopt`.
        log: Where it writes until then.
        on_notice: Called with the messages it sends by itself.
    """

    def __init__(self, loop: EventLoop, spec: HostSpec, log: Path, on_notice: Callable[[Message], None]) -> None:
        self.spec = spec
        self.on_notice = on_notice
        self._pending: dict[int, Reply] = {}
        self._last_id = 0
        ours, theirs = socket.socketpair()
        with theirs:
            self.child = Child(
                [spec.python, "-P", str(BOOT), "host", str(theirs.fileno())],
                environment=spec.env,
                log=log,
                # A program that a step has started must not go on when the step runs again elsewhere.
                leads_group=True,
                pass_files=[theirs.fileno()],
            )
        self._peer = Peer(loop, ours, self._on_message, nothing)

    def request(self, message: Message, reply: Reply) -> None:
        """Send a request; `reply` gets its answer, or an `error` when the process ends before."""
        self._last_id += 1
        self._pending[self._last_id] = reply
        self._peer.send({**message, "id": self._last_id})

    def notify(self, message: Message) -> None:
        """Send a message that has no answer."""
        self._peer.send(message)

    def close(self) -> None:
        """Hang up on a process that has ended, and tell those who wait for its answers."""
        self._peer.close()
        pending, self._pending = self._pending, {}
        for reply in pending.values():
            reply({"error": f"the worker host {self.child.exit_text}", "died": True})

    def fits(self, spec: HostSpec) -> bool:
        """Whether this process, started for another spec, can become the host of this one."""
        return self.spec.python == spec.python and self.spec.start_only == spec.start_only and not self.child.ended

    def _on_message(self, message: Message) -> None:
        if "id" not in message:
            self.on_notice(message)
        elif reply := self._pending.pop(message["id"], None):
            reply(message)


class Host:
    """A notebook's worker host, whichever process it has now."""

    def __init__(self, spec: HostSpec, servings: list[Serving]) -> None:
        self.spec = spec
        self.servings = servings
        self.confirmed: dict[Serving, float] = {}
        self.leases: set[int] = set()
        self.process: HostProcess | None = None
        self.identity = ""
        self.restarts = 0
        self.error: str | None = None
        self.backoff = Backoff()
        self.restart: Timer | None = None
        self.started = time.monotonic()

    def serves_surely(self, serving: Serving) -> bool:
        """Whether its process, which lives, said a moment ago that it serves a bundle, the last that was asked for."""
        return (
            self.process is not None
            and not self.process.child.ended
            and self.servings[-1:] == [serving]
            and time.monotonic() - self.confirmed.get(serving, -CONFIRMED_SECONDS) < CONFIRMED_SECONDS
        )


class HostTable:
    """All worker hosts of the runtime.

    Args:
        home: The runtime's home.
        loop: The supervisor's loop.
        idle_seconds: How long a host without lease and open runs is kept.
        spare: Whether to have a process ready for the next host.
    """

    def __init__(self, home: Home, loop: EventLoop, idle_seconds: float, *, spare: bool = True) -> None:
        self.hosts: dict[str, Host] = {}
        self.address = ""
        self._home = home
        self._loop = loop
        self._idle_seconds = idle_seconds
        self._epoch = f"{time.time_ns() // 1000:x}"
        self._started = 0
        self._dead: list[str] = []
        self._wants_spare = spare
        self._spare: HostProcess | None = None
        self._spare_spec: HostSpec | None = None
        self._refill: Timer | None = None
        self._dropped = False
        self._leaving: list[HostProcess] = []
        self._stopping = False

    # Spare -----------------------------------------------------------------------------------------------------------

    def keep_spare(self, spec: HostSpec, *, after_seconds: float = 0.0) -> None:
        """Have a process ready for hosts like this one."""
        self._spare_spec = spec
        if self._wants_spare and self._refill is None and self._spare is None and not self._stopping:
            self._refill = self._loop.call_later(after_seconds, self._start_spare)

    @property
    def spare_pid(self) -> int | None:
        """The process that waits for a host to need it."""
        return self._spare.child.pid if self._spare else None

    def refill(self) -> None:
        """Have a spare again after `drop_spare`."""
        if self._dropped and self._spare_spec:
            self._dropped = False
            self.keep_spare(self._spare_spec)

    def drop_spare(self) -> None:
        """End the spare: nobody has needed one for long."""
        if self._spare:
            self._dismiss(self._spare)
            self._spare = None
            self._dropped = True

    def _start_spare(self) -> None:
        self._refill = None
        if self._spare is None and self._spare_spec and not self._stopping:
            with suppress(OSError):
                self._spare = self._new_process(self._spare_spec)
                self._connect_spare()

    def _connect_spare(self) -> None:
        if self._spare and self.address:
            self._spare.notify({"op": "connect", **self._server()})

    def _new_process(self, spec: HostSpec) -> HostProcess:
        return HostProcess(self._loop, spec, self._home.logs / "hosts.log", nothing)

    def _take_process(self, spec: HostSpec) -> HostProcess:
        """The spare if it fits, else a new process."""
        spare, self._spare = self._spare, None
        if spare and not spare.fits(spec):
            self._dismiss(spare)
            spare = None
        return spare or self._new_process(spec)

    # Hosts -----------------------------------------------------------------------------------------------------------

    def prepare(self, spec: HostSpec, client: int | None = None) -> Host:
        """Have a host for this spec, with a lease of `client`."""
        host = self.hosts.get(spec.key)
        if host is None:
            host = self.hosts[spec.key] = Host(spec, [])
        elif spec != host.spec:
            host.spec = spec
            host.confirmed.clear()
            if host.process:
                host.process.notify({"op": "apply", "spec": spec.message()})
        if client is not None and client not in host.leases:
            host.leases.add(client)
            self._tell_leases(host)
        if host.process is None and host.restart is None:
            self._start(host)
        return host

    def present(self, spec: HostSpec) -> HostSpec:
        """The spec with which the host of a spec runs now; the given one where there is no such host."""
        host = self.hosts.get(spec.key)
        return host.spec if host else spec

    def restore(self, spec: HostSpec, servings: list[Serving]) -> None:
        """Start a host for the open runs of these bundles, without a kernel that asks for it."""
        host = self.hosts.get(spec.key)
        if host is None:
            host = self.hosts[spec.key] = Host(spec, list(servings))
            self._start(host)
            return
        for serving in servings:
            if serving not in host.servings:
                host.servings.insert(0, serving)
                self._ask(host, load_message(serving), nothing, LOAD_ATTEMPTS)

    def load(self, spec: HostSpec, serving: Serving, client: int, reply: Reply) -> None:
        """Have the host of this spec poll for the runs of a bundle; `reply` is told when it does."""
        host = self.prepare(spec, client)
        if host.serves_surely(serving):
            reply({})
            return
        for other in self.hosts.values():
            # It is written down who served the bundle last.
            other.confirmed.pop(serving, None)
        if serving in host.servings:
            # Used last, written last: the order in which they are given up when there are many.
            host.servings.remove(serving)
        host.servings.append(serving)
        self._remember(host)
        if not serving.queue:
            with suppress(OSError):
                remember_server(self._home, host.spec, serving.bundle)

        def answer(message: Message) -> None:
            if "error" not in message:
                host.confirmed[serving] = time.monotonic()
            elif serving in host.servings:
                host.servings.remove(serving)
                self._remember(host)
            reply(message)

        self._ask(host, load_message(serving), answer, LOAD_ATTEMPTS)

    def ask(self, spec: HostSpec, client: int, message: Message, reply: Reply) -> None:
        """Have the host of this spec answer a question."""
        self._ask(self.prepare(spec, client), message, reply, LOAD_ATTEMPTS)

    def _ask(self, host: Host, question: Message, reply: Reply, attempts: int) -> None:
        def answer(message: Message) -> None:
            if message.get("died") and attempts > 1 and not self._stopping:
                self._loop.call_later(0.02, lambda: self._ask(host, question, reply, attempts - 1))
                return
            reply(message)

        if host.process:
            host.process.request(question, answer)
        elif host.restart and not self._stopping:
            self._loop.call_later(0.05, lambda: self._ask(host, question, reply, attempts))
        else:
            answer({"error": host.error or "the worker host could not be started"})

    def _remember(self, host: Host) -> None:
        with suppress(OSError):
            remember(self._home, host.spec, host.servings)

    def release(self, client: int) -> None:
        """A client has gone, and its leases with it."""
        for host in self.hosts.values():
            if client in host.leases:
                host.leases.discard(client)
                self._tell_leases(host)

    def check(self) -> None:
        """Look which processes have ended, and see to what follows."""
        self._leaving = [process for process in self._leaving if not self._reaped(process)]
        if self._spare and self._reaped(self._spare):
            self._spare = None
        for host in list(self.hosts.values()):
            if host.process and host.process.child.ended:
                self._on_death(host, host.process)

    def move(self, address: str) -> None:
        """The server is at another address: hosts that were connected to the old one start anew."""
        moved, self.address = bool(self.address) and address != self.address, address
        self._connect_spare()
        for host in self.hosts.values():
            if moved and host.process:
                host.process.child.kill()

    def tell_server_is_back(self, since: float) -> None:
        """The server died and was started again, at a time in seconds since 1970."""
        for host in self.hosts.values():
            if host.process:
                host.process.notify({"op": "server_back", "since": since})

    def stop(self) -> None:
        """Ask all processes to end; `check` and `processes` tell how far they are."""
        self._stopping = True
        for process in self.processes():
            process.notify({"op": "stop"})

    def processes(self) -> list[HostProcess]:
        """All processes that have not ended."""
        found = [host.process for host in self.hosts.values()] + [self._spare, *self._leaving]
        return [process for process in found if process]

    def report(self, reply: Callable[[list[dict[str, Any]]], None]) -> None:
        """Tell what each host does; hosts that don't answer in time are reported without their open runs."""
        answers: dict[str, Message] = {}
        asked = {key: host for key, host in self.hosts.items() if host.process}
        done = False

        def finish() -> None:
            nonlocal done
            if not done:
                done = True
                reply([_describe(host, answers.get(key, {})) for key, host in self.hosts.items()])

        def note(key: str, message: Message) -> None:
            answers[key] = message
            if len(answers) == len(asked):
                finish()

        for key, host in asked.items():
            if host.process:
                host.process.request({"op": "report"}, lambda message, key=key: note(key, message))
        self._loop.call_later(REPORT_SECONDS if asked else 0.0, finish)

    def _start(self, host: Host) -> None:
        host.restart = None
        if not self.address:
            # The server of a supervisor that was killed is still dying: in a moment its ports are known.
            host.restart = self._loop.call_later(0.02, lambda: self._start(host))
            return
        try:
            process = self._take_process(host.spec)
        except OSError as error:
            host.error = f"{host.spec.python} can't be started: {error.strerror}"
            return
        self._started += 1
        host.identity = f"jw-{host.spec.key}-{self._epoch}.{self._started}"
        host.process = process
        host.started = time.monotonic()
        process.on_notice = partial(self._on_notice, host, process)
        process.notify(
            {
                "op": "adopt",
                "spec": host.spec.message(),
                "identity": host.identity,
                **self._server(),
                "servings": host.servings,
                "dead": self._dead[-200:],
                "leases": len(host.leases),
                "idle_seconds": self._idle_seconds,
                "log": str(self._home.logs / f"host-{host.spec.key}.log"),
            }
        )

    def _server(self) -> Message:
        places = [str(self._home.data), str(self._home.runtime)]
        return {"address": self.address, "namespace": NAMESPACE, "home": places}

    def _on_death(self, host: Host, process: HostProcess) -> None:
        lived = process.child.seconds
        host.process = None
        host.confirmed.clear()
        self._dead.append(host.identity)
        if not self._stopping:
            host.restarts += 1
            host.error = f"the worker host {process.child.exit_text}"
            sys.stderr.write(f"{host.identity} {process.child.exit_text} after {lived:.1f} s\n")
            wait = host.backoff.next_seconds(lived)
            if wait:
                host.restart = self._loop.call_later(wait, lambda: self._start(host))
            else:
                self._start(host)
        process.close()

    def _on_notice(self, host: Host, process: HostProcess, message: Message) -> None:
        if process is not host.process:
            return
        if message.get("notice") == "ready":
            host.error = None
            # Not before: on a busy machine its imports would take the time that the host needs for its own.
            self.keep_spare(host.spec, after_seconds=REFILL_AFTER_DEATH_SECONDS if host.restarts else REFILL_SECONDS)
        elif message.get("notice") == "idle" and not host.leases:
            # Only here is it known that no load is on its way, so only here is it decided.
            del self.hosts[host.spec.key]
            self._dead.append(host.identity)
            with suppress(OSError):
                forget(self._home, host.spec.key)
            self._dismiss(process)

    def _dismiss(self, process: HostProcess) -> None:
        process.notify({"op": "stop"})
        self._leaving.append(process)
        self._loop.call_later(5.0, process.child.kill)

    def _reaped(self, process: HostProcess) -> bool:
        if process.child.ended:
            process.close()
            return True
        return False

    def _tell_leases(self, host: Host) -> None:
        if host.process:
            host.process.notify({"op": "leases", "count": len(host.leases)})


def load_message(serving: Serving) -> Message:
    """The order to poll for the runs of a bundle."""
    return {"op": "load", "serving": serving}


def _describe(host: Host, answer: Message) -> dict[str, Any]:
    return {
        "key": host.spec.key,
        "identity": host.identity,
        "pid": host.process.child.pid if host.process else None,
        "python": host.spec.python,
        "cwd": host.spec.cwd,
        "notebook": host.spec.notebook,
        "uptime_seconds": round(time.monotonic() - host.started, 3) if host.process else 0.0,
        "restarts": host.restarts,
        "leases": len(host.leases),
        "bundles": list(dict.fromkeys(Path(serving.bundle).name for serving in host.servings)),
        "open_runs": answer.get("open_runs"),
        "error": host.error,
    }
