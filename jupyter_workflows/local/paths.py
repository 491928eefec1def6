"""Where the embedded runtime keeps its files.

With `JUPYTER_WORKFLOWS_HOME` everything is below that directory; without it, below Jupyter's own data and runtime
directories. All of it belongs to the user alone: directories have mode 0700, files 0600.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import RuntimeFailed

HOME_VARIABLE = "JUPYTER_WORKFLOWS_HOME"
PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
MAKE_ATTEMPTS = 10
SOCKET_PATH_BYTES = 100
"""`sun_path` holds 108 bytes on Linux and 104 on macOS, with the final zero."""
TOKEN_SOCKET_BYTES = 24
"""What the name of a worker host's own socket adds to that of its directory."""


class Home(NamedTuple):
    """The directories of one embedded runtime.

    Args:
        data: What must survive a reboot: database, bundles, blobs, keys, logs.
        runtime: What is only true while the runtime is up: `runtime.json` and the socket.
    """

    data: Path
    runtime: Path

    @classmethod
    def locate(cls, root: str | os.PathLike[str] | None = None) -> Home:
        """Find the home without touching the disk.

        Args:
            root: A directory that holds everything; by default `JUPYTER_WORKFLOWS_HOME`, else Jupyter's directories.
        """
        chosen = root or os.environ.get(HOME_VARIABLE)
        if chosen:
            data = Path(chosen).expanduser().absolute()
            return cls(data=data, runtime=data / "runtime")
        return cls(data=_jupyter_data() / "workflows", runtime=_jupyter_runtime() / "workflows")

    @property
    def bundles(self) -> Path:
        """The bundles of all notebooks; on `sys.path` of every worker host."""
        return self.data / "bundles"

    def serve(self, queue: str) -> Callable[[], None]:
        """Has the worker host of a task queue up, where it is one of ours, and gives what lets go of it; blocks.

        Raises:
            WorkerUnavailable: The bundle can't be loaded, or the host can't be started.
            RuntimeFailed: The runtime is not up and can't be started.
        """
        from .serving import serve

        return serve(self, queue)

    @property
    def cache(self) -> Path:
        """What can be learnt again: may be deleted at any time."""
        return self.data / "cache"

    @property
    def blobs(self) -> Path:
        """Large values, see `payloads`."""
        return self.data / "blobs"

    @property
    def keys(self) -> Path:
        """The user's signing keys."""
        return self.data / "keys"

    @property
    def limits(self) -> Path:
        """State of rate limits that hold across workers."""
        return self.data / "limits"

    @property
    def logs(self) -> Path:
        """Logs of the server, the supervisor and the worker hosts."""
        return self.data / "logs"

    @property
    def server(self) -> Path:
        """The Temporal server's own directory."""
        return self.data / "server"

    @property
    def hosts(self) -> Path:
        """What is needed to start the worker hosts of open runs after a reboot."""
        return self.data / "hosts"

    @property
    def schedules(self) -> Path:
        """Whose runs start by the clock, and so may wait for a worker host that nobody has asked for."""
        return self.data / "schedules"

    @property
    def served(self) -> Path:
        """Which worker host served a bundle last."""
        return self.hosts / "served"

    @property
    def database(self) -> Path:
        """Temporal's SQLite file; `-wal` and `-shm` stand beside it."""
        return self.server / "temporal.db"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this home; its text tells which process that is and how to reach it."""
        return self.data / "supervisor.lock"

    @property
    def start_lock(self) -> Path:
        """Held by the one client that is starting a supervisor."""
        return self.data / "start.lock"

    @property
    def runtime_file(self) -> Path:
        """`runtime.json`: address, pids and versions, for people and other programs to read."""
        return self.runtime / "runtime.json"

    @property
    def socket(self) -> Path:
        """The supervisor's Unix socket; in the temporary directory where the home's path is too long for one."""
        path = self.runtime / "supervisor.sock"
        return path if len(os.fsencode(path)) <= SOCKET_PATH_BYTES else self._short_path(".sock")

    @property
    def tokens(self) -> Path:
        """Where worker hosts listen for those who watch their steps write: one socket each."""
        path = self.runtime / "tokens"
        fits = len(os.fsencode(path)) + TOKEN_SOCKET_BYTES <= SOCKET_PATH_BYTES
        return path if fits else self._short_path(".tokens")

    def _short_path(self, suffix: str) -> Path:
        """A path of this home's own in a directory that all homes with long paths share."""
        import hashlib

        return _short_directory() / (hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16] + suffix)

    def create(self) -> Home:
        """Make the directories, private to the user.

        Raises:
            RuntimeFailed: If one can't be made, or belongs to another user.
        """
        own = (self.data, self.runtime, self.bundles, self.blobs, self.keys, self.limits, self.logs, self.server)
        for directory in (*own, self.hosts, self.served, self.socket.parent, self.tokens.parent, self.tokens):
            make_private_directory(directory)
        return self


def make_private_directory(path: Path) -> None:
    """Make `path` a directory that only the user may enter, with all its parents.

    Raises:
        RuntimeFailed: If that is impossible; the message says why and what to do.
    """
    remedy = f"Set {HOME_VARIABLE} to a directory of your own on a local disk."
    try:
        found = _made(path)
        if not stat.S_ISDIR(found.st_mode):
            found = path.stat()
        if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
            raise RuntimeFailed(f"{path} belongs to another user (uid {found.st_uid}). {remedy}")
        if stat.S_IMODE(found.st_mode) != PRIVATE_DIRECTORY:
            path.chmod(PRIVATE_DIRECTORY)
        if not os.access(path, os.W_OK | os.X_OK):
            read_only = os.statvfs(path).f_flag & os.ST_RDONLY
            raise PermissionError(0, "Read-only file system" if read_only else "Permission denied")
    except OSError as error:
        raise RuntimeFailed(f"{path} can't be used: {error.strerror or error}. {remedy}") from error


def _made(path: Path) -> os.stat_result:
    """A directory, made where it is missing; a supervisor that ends may take one away between the two."""
    for attempt in range(MAKE_ATTEMPTS):
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        try:
            return path.lstat()
        except FileNotFoundError:
            if attempt == MAKE_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` by `content` as JSON, at once for every reader, readable by the user alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where the file is missing, half-written or not an object."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _short_directory() -> Path:
    import tempfile

    temporary = Path("/tmp")  # the same for every process, whatever its TMPDIR says
    parent = temporary if temporary.is_dir() else Path(tempfile.gettempdir())
    return parent / f"jupyter-workflows-{os.geteuid()}"


def _jupyter_data() -> Path:
    try:
        from jupyter_core.paths import jupyter_data_dir
    except ImportError:
        return _data_directory()
    return Path(jupyter_data_dir())


def _jupyter_runtime() -> Path:
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return Path(os.environ.get("JUPYTER_RUNTIME_DIR") or _jupyter_data() / "runtime")
    return Path(jupyter_runtime_dir())


def _data_directory() -> Path:
    """Jupyter's own rule, for environments without jupyter_core.

    https://docs.jupyter.org/en/latest/use/jupyter-directories.html
    """
    if chosen := os.environ.get("JUPYTER_DATA_DIR"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "jupyter"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jupyter"
