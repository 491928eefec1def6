"""The embedded runtime as its users see it: `ensure` it, have bundles served, ask how it is, end it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from .. import __version__
from ..errors import RuntimeFailed, WorkerUnavailable
from .link import Link, LinkLost, NoAnswer, Refused
from .paths import Home
from .protocol import PROTOCOL, Message, nothing
from .specs import HostSpec, Serving
from .starting import Progress, end_by_force, lock_owner, reach, start_supervisor
from .status import RuntimeStatus

START_SECONDS = 90.0
LOAD_TIMEOUT = timedelta(minutes=5)
DOWN_SECONDS = 4.5
RECOVER_PAUSES_SECONDS = (0.0, 0.2, 1.0, 3.0, 10.0, 30.0)
_ABOUT_RUNTIME = {"disk", "damaged", "unwritable", "unsafe", "version", "port", "slow"}

_runtimes: dict[Path, Runtime] = {}
_runtimes_lock = threading.Lock()


def ensure(home: Home | None = None, *, progress: Progress | None = None, recover: bool = False) -> Runtime:
    """The running embedded runtime of a home; started if need be.

    Safe to call from many threads and processes at once: there is one supervisor and one server for each home. Takes a
    millisecond when the runtime is up, half a second when only its database exists.

    Args:
        home: Where it keeps its files; by default `Home.locate()`.
        progress: Called with a sentence at each stage of a start.
        recover: Move a damaged database aside and begin with an empty one.

    Raises:
        RuntimeFailed: It can't be started; the message says why and what to do.
    """
    home = home or Home.locate()
    with _runtimes_lock:
        runtime = _runtimes.get(home.data)
        if runtime is None or runtime.home != home:
            runtime = _runtimes[home.data] = Runtime(home)
    runtime.connect(progress or nothing, recover=recover)
    return runtime


def status(home: Home | None = None) -> RuntimeStatus:
    """How the runtime of a home is; never starts it."""
    home = home or Home.locate()
    places = {"home": str(home.data), "logs": str(home.logs), "database": str(home.database)}
    connection = reach(home)
    if connection is None:
        owner = lock_owner(home)
        problems = [f"A supervisor (pid {owner.get('pid')}) holds {home.lock} but does not answer."] if owner else []
        return RuntimeStatus.model_validate({**places, "state": "stopped", "problems": problems})
    link = Link(connection, nothing, nothing)
    try:
        return RuntimeStatus.model_validate({**places, **link.request({"op": "status"})["status"]})
    except (LinkLost, NoAnswer):
        return RuntimeStatus.model_validate({**places, "state": "stopped"})
    finally:
        link.close()


def down(home: Home | None = None) -> bool:
    """End the runtime of a home with all its processes, within 5 seconds; true when there was one.

    Open runs stay as they are and go on when it is started again.
    """
    home = home or Home.locate()
    connection = reach(home)
    if connection is None:
        was_up = lock_owner(home) is not None
        if was_up:
            end_by_force(home, seconds=1.0)
        return was_up
    lost = threading.Event()
    link = Link(connection, nothing, lambda _: lost.set())
    with suppress(LinkLost, NoAnswer, Refused):
        link.request({"op": "down"}, DOWN_SECONDS)
        # It answers as its last act; the lock goes with the process.
        lost.wait(0.5)
    link.close()
    end_by_force(home, seconds=0.5)
    return True


class Runtime:
    """A process's hold on the embedded runtime; made by `ensure`.

    While this object is connected, the worker hosts it uses stay up. When the supervisor dies, it is started again in
    the background, with the same hosts.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.namespace = ""
        self._address = ""
        self._link: Link | None = None
        self._connecting = threading.Lock()
        self._used: dict[str, tuple[HostSpec, dict[Serving, None]]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._ended_on_purpose = False

    @property
    def address(self) -> str:
        """Where the Temporal server listens, as far as is known; it keeps its port over restarts where it can."""
        return self._address

    @property
    def is_connected(self) -> bool:
        """Whether the supervisor is there."""
        link = self._link
        return link is not None and link.open

    @property
    def is_down(self) -> bool:
        """Whether the runtime was ended on purpose, and so does not come back by itself."""
        return self._ended_on_purpose

    def on_address(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the new address, on a thread of ours, when the server had to move to other ports."""
        self._listeners.append(listener)

    def connect(self, progress: Progress = nothing, *, recover: bool = False) -> None:
        """Make sure that the runtime is up and this object is connected to it.

        Raises:
            RuntimeFailed: It can't be started.
        """
        self._live_link(progress, recover=recover)

    def prepare(self, spec: HostSpec) -> None:
        """Have the worker host of a notebook warmed up; returns at once."""
        self._used.setdefault(spec.key, (spec, {}))
        self._request({"op": "prepare", "spec": spec.message()})

    def load_bundle(
        self,
        spec: HostSpec,
        bundle: Path,
        *,
        queue: str = "",
        timeout: timedelta = LOAD_TIMEOUT,
        keep: bool = False,
    ) -> None:
        """Have the worker host of a notebook serve a bundle; returns when it polls for its runs.

        Costs about a millisecond when it does already.

        Args:
            spec: The host that is to serve it.
            bundle: Its directory, below `home.bundles`.
            queue: The queue of runs that are resumed on this bundle; by default the bundle's own.
            timeout: How long what the notebook imports may take.
            keep: Leave the host its environment where it is up: it has that from its notebook.

        Raises:
            WorkerUnavailable: The bundle can't be loaded, or the host can't be started.
            RuntimeFailed: The runtime is not up and can't be started.
        """
        message = {"op": "load", "spec": spec.message(), "bundle": str(bundle), "queue": queue, "keep": keep}
        self._asked(message, timeout)
        servings = self._used.get(spec.key, (spec, {}))[1]
        self._used[spec.key] = (spec, {**servings, Serving(str(bundle), queue): None})

    def ask_host(self, spec: HostSpec, question: Message, *, timeout: timedelta = LOAD_TIMEOUT) -> Message:
        """Ask the worker host of a notebook something.

        Raises:
            WorkerUnavailable: It can't answer, or can't be started.
            RuntimeFailed: The runtime is not up and can't be started.
        """
        return self._asked({**question, "spec": spec.message()}, timeout)

    def _asked(self, message: Message, timeout: timedelta) -> Message:
        try:
            return self._request(message, timeout.total_seconds())
        except Refused as refused:
            if refused.kind in _ABOUT_RUNTIME:
                raise RuntimeFailed(str(refused)) from None
            raise WorkerUnavailable(str(refused)) from None

    def has_loaded(self, spec: HostSpec, bundle: Path) -> bool:
        """Whether the host of a notebook was made to serve a bundle by this object; it may have died since."""
        return spec.key in self._used and Serving(str(bundle)) in self._used[spec.key][1]

    def status(self) -> RuntimeStatus:
        """How the runtime is."""
        return status(self.home)

    def down(self) -> None:
        """End the runtime with all its processes."""
        self._ended_on_purpose = True
        down(self.home)

    def close(self) -> None:
        """Let go of the runtime and of its worker hosts; it goes on without this process."""
        self._ended_on_purpose = True
        link, self._link = self._link, None
        self._used.clear()
        if link:
            link.close()

    def _request(self, message: Message, timeout_seconds: float = 30.0) -> Message:
        for last in (False, False, True):
            try:
                return self._live_link().request(message, timeout_seconds)
            except LinkLost:
                if last:
                    raise
        raise AssertionError

    def _live_link(self, progress: Progress = nothing, *, recover: bool = False) -> Link:
        link = self._link
        if link and link.open:
            return link
        with self._connecting:
            if self._link and self._link.open:
                return self._link
            self._link = self._establish(progress, recover=recover)
            self._ended_on_purpose = False
            return self._link

    def _establish(self, progress: Progress, *, recover: bool) -> Link:
        deadline = time.monotonic() + START_SECONDS
        damaged = False
        while time.monotonic() < deadline:
            connection = reach(self.home)
            if connection is None:
                start_supervisor(self.home, progress, version=__version__, recover=damaged and recover)
                continue
            link = Link(connection, self._on_notice, self._on_lost)
            try:
                self._greet(link, deadline - time.monotonic())
            except (LinkLost, NoAnswer):
                link.close()
            except Refused as refused:
                link.close()
                if not recover or refused.kind != "damaged" or damaged:
                    raise RuntimeFailed(str(refused)) from None
                damaged = True
                down(self.home)
            except BaseException:
                link.close()
                raise
            else:
                return link
        raise RuntimeFailed(_unreachable(self.home))

    def _greet(self, link: Link, seconds: float) -> None:
        answer = link.request({"op": "hello", "protocol": PROTOCOL}, max(1.0, seconds))
        self.namespace = answer["namespace"]
        self._set_address(answer["address"])

    def _on_notice(self, message: Message) -> None:
        notice = message.get("notice")
        if notice == "down":
            self._ended_on_purpose = True
        elif notice == "server":
            self._set_address(message["address"])

    def _set_address(self, address: str) -> None:
        moved, self._address = bool(self._address) and address != self._address, address
        if moved:
            for listener in self._listeners:
                listener(address)

    def _on_lost(self, link: Link) -> None:
        if link is self._link and not self._ended_on_purpose and not sys.is_finalizing():
            threading.Thread(target=self._recover, name="jupyter-workflows-recover", daemon=True).start()

    def _recover(self) -> None:
        """Start again what died, and take the leases back."""
        for pause in RECOVER_PAUSES_SECONDS:
            time.sleep(pause)
            if self._ended_on_purpose:
                return
            with suppress(RuntimeFailed):
                # All of it over this one link: whoever ends the runtime meanwhile must not see it started again.
                link = self._live_link()
                for spec, servings in list(self._used.values()):
                    link.request({"op": "prepare", "spec": spec.message()})
                    for bundle, queue in servings:
                        load = {"op": "load", "spec": spec.message(), "bundle": bundle, "queue": queue}
                        link.request(load, LOAD_TIMEOUT.total_seconds())
                return


def _unreachable(home: Home) -> str:
    owner = lock_owner(home) or {}
    return (
        f"The runtime's supervisor (pid {owner.get('pid', 'unknown')}) does not answer on {home.socket}. "
        "`jupyter workflows down` ends it; then try again."
    )


def _forget_after_fork() -> None:
    """A child has connections of its own; and a lock that another thread held is held for ever in it."""
    global _runtimes_lock
    _runtimes_lock = threading.Lock()
    _runtimes.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
