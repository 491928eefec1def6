"""The worker host of a task queue, up for as long as somebody starts a run on it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from ..connection import Settings
from .paths import Home
from .runtime import Runtime
from .specs import HostSpec, last_server, remembered

QUEUE = re.compile(r"jw-(?P<digest>[0-9a-f]{16})-(?P<host>[0-9a-f]+)")


def serve(home: Home, queue: str) -> Callable[[], None]:
    """Has the worker host of a task queue up, where it is one of ours, and gives what lets go of it; blocks.

    An open run holds the host from then on. Where the host is remembered it is as it was, with its interpreter and
    directory; else it is one of this interpreter that goes by the same name.

    Args:
        home: Where bundles and hosts are.
        queue: The task queue.

    Raises:
        WorkerUnavailable: The bundle can't be loaded, or the host can't be started.
        RuntimeFailed: The runtime is not up and can't be started.
    """
    found = QUEUE.fullmatch(queue)
    bundle = home.bundles / f"jw_{found['digest']}" if found else None
    if found is None or bundle is None or not bundle.is_dir():
        return nothing
    # A hold of its own: a lasting one would keep the host up for as long as this process runs.
    hold = Runtime(home)
    try:
        hold.load_bundle(spec_of(home, bundle, found["host"]), bundle, keep=True)
    except BaseException:
        hold.close()
        raise
    return hold.close


def spec_of(home: Home, bundle: Path, key: str) -> HostSpec:
    """The host of a key that is to serve a bundle."""
    known = [spec for spec in (last_server(home, str(bundle)), *(spec for spec, _ in remembered(home))) if spec]
    spec = next((spec for spec in known if spec.key == key), None)
    if spec is None:
        here = HostSpec.of_this_process()._replace(cwd=str(home.data))
        return here._replace(known_as=key)
    here = spec.with_env(dict(os.environ))
    settings = Settings.from_environment()
    # Its key stays: it counts the server that it worked for before.
    return here.for_server(settings) if settings and spec.server else here


def nothing() -> None:
    """Lets go of nothing."""
