"""Settings become a connected Temporal client; nothing else in the package connects.

It also has the one event loop on which a kernel, a terminal or a server talks to Temporal: `loop_thread()`.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import TLSConfig

from .errors import ConnectionFailed
from .payloads import FileStorage, data_converter

_T = TypeVar("_T")
CONNECT_TIMEOUT = timedelta(seconds=5)


class Places(Protocol):
    """What a connection needs of the package's home: where large values lie."""

    @property
    def blobs(self) -> Path:
        """Directory of the stored payloads."""
        ...


@dataclass(frozen=True)
class Settings:
    """Where a Temporal server is and how to talk to it."""

    address: str
    namespace: str = "default"
    api_key: str | None = field(default=None, repr=False)
    tls: bool | TLSConfig = field(default=False, repr=False)
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def from_environment(cls) -> Settings | None:
        """The settings of `TEMPORAL_*` variables and profile files; `None` when there are none."""
        profile = ClientConfigProfile.load()
        if profile.address is None:
            return None
        config = profile.to_client_connect_config()
        return cls(
            address=profile.address,
            namespace=profile.namespace or "default",
            api_key=profile.api_key,
            tls=config.get("tls", False),
            headers=dict(profile.grpc_meta),
        )


async def connect(
    settings: Settings,
    *,
    home: Places | None = None,
    plugins: Sequence[Plugin] | None = None,
    timeout: timedelta = CONNECT_TIMEOUT,
) -> Client:
    """A connected client whose namespace was seen to exist.

    Args:
        settings: Where to connect to.
        home: Has the directory `blobs` for values over 32 KiB.
        plugins: Temporal plugins instead of the package's own.
        timeout: How long to try.

    Raises:
        ConnectionFailed: Nothing answers there, or it refuses us.
    """
    converter = data_converter(FileStorage(home.blobs) if home else None)
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await Client.connect(
                settings.address,
                namespace=settings.namespace,
                api_key=settings.api_key,
                tls=settings.tls,
                rpc_metadata=settings.headers,
                data_converter=converter,
                plugins=plugins or (),
            )
    except (RuntimeError, TimeoutError) as error:
        raise ConnectionFailed(f"no Temporal server answers at {settings.address}: {error}") from None


class LoopThread:
    """An event loop of our own in a daemon thread, so that the notebook's loop and thread stay free."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="jupyter-workflows", daemon=True)
        self._thread.start()

    def run(
        self,
        coroutine: Coroutine[Any, Any, _T],
        *,
        timeout: float | timedelta | None = None,
        cancel_on_interrupt: bool = False,
    ) -> _T:
        """Runs a coroutine on the loop and returns its result; for callers outside any loop."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("LoopThread.run was called on its own thread, where it would wait for itself for ever")
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise
        except KeyboardInterrupt:
            if cancel_on_interrupt:
                future.cancel()
            raise

    def wrap(self, coroutine: Coroutine[Any, Any, _T]) -> asyncio.Future[_T]:
        """Runs a coroutine on the loop; the result can be awaited from any other loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self) -> None:
        """Cancels what still runs and ends the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=2)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Exception):
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            self._loop.close()


_singleton: LoopThread | None = None
_singleton_lock = threading.Lock()


def loop_thread() -> LoopThread:
    """The process's one `LoopThread`, started on first use and closed at exit."""
    global _singleton
    with _singleton_lock:
        if _singleton is None:
            _singleton = LoopThread()
            atexit.register(_singleton.close)
        return _singleton


def _forget_after_fork() -> None:
    global _singleton, _singleton_lock
    _singleton = None
    _singleton_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
