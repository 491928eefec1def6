"""The workshop of a kernel, a terminal or a Jupyter server: corrected code served by the worker host of a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ResumeRefused
from ..schema import Manifest, Run
from ..schema.replays import Replayed
from ..schema.resumes import ResumeMark
from ..worker import deployment_of
from .paths import Home
from .runtime import Runtime
from .specs import HostSpec, last_server


class HostWorkshop:
    """Has corrected code served and replayed by worker hosts of the embedded runtime.

    Args:
        home: The runtime's home.
        runtime: Gives the runtime, up.
        own: Gives the worker host of this process.
        corrected: Gives the bundle of a run's workflow as its code is now.
        person: Who resumes.
        keep: Leave a host that is up its environment, and let go of it after each order: the runtime is a new one.
    """

    def __init__(
        self,
        home: Home,
        runtime: Callable[[], Runtime],
        *,
        own: Callable[[], HostSpec],
        corrected: Callable[[Run, Mapping[str, Any]], Path],
        person: str,
        keep: bool = False,
    ) -> None:
        self.home = home
        self.runtime = runtime
        self.own = own
        self.find = corrected
        self.person = person
        self.keep_environment = keep

    @property
    def bundles(self) -> Path:
        """Directory of the bundles."""
        return self.home.bundles

    @contextlib.contextmanager
    def lent(self) -> Generator[Runtime]:
        """The runtime for one order; a server lets go of it, or its hosts would stay as long as the server runs."""
        runtime = self.runtime()
        try:
            yield runtime
        finally:
            if self.keep_environment:
                runtime.close()

    def corrected(self, run: Run, constants: Mapping[str, Any] | None = None) -> Path:
        """The bundle of a run's workflow as its code is now, with other values of constants where some are given."""
        return self.find(run, constants or {})

    def host(self, queue: str) -> HostSpec:
        """The worker host of a queue: this process's own, else the one that served it last, else one like our own.

        Raises:
            ResumeRefused: The queue is no worker host's.
        """
        prefix, digest, key = [*queue.split("-"), "", ""][:3]
        if prefix != "jw" or not digest:
            raise ResumeRefused(f"the queue {queue!r} is not served by a worker host of this home")
        own = self.own()
        if own.key == key or not key:
            return own
        known = last_server(self.home, str(self.bundles / f"jw_{digest}"))
        if known is not None and known.key == key:
            return known.with_env(own.env)
        return own._replace(known_as=key)

    def serve(self, bundle: Path, queue: str) -> str:
        """Has a bundle served for resumed runs of a queue, and gives the name of the deployment that does."""
        with self.lent() as runtime:
            runtime.load_bundle(self.host(queue), bundle, queue=queue, keep=self.keep_environment)
        return deployment_of(queue)

    def replay(self, bundle: Path, queue: str, workflow_id: str, run_id: str) -> Replayed:
        """How far a bundle agrees with a run's history."""
        question = {"op": "replay", "bundle": str(bundle), "workflow_id": workflow_id, "run_id": run_id}
        with self.lent() as runtime:
            return Replayed.model_validate(runtime.ask_host(self.host(queue), question)["replayed"])

    def foresee(self, queue: str, workflow_id: str, run_id: str, mark: ResumeMark) -> None:
        """Lets the worker host read an execution that has ended while another is made that is told of its steps."""
        question = {"op": "foresee", "workflow_id": workflow_id, "run_id": run_id, "mark": mark.model_dump(mode="json")}
        with self.lent() as runtime:
            runtime.ask_host(self.host(queue), question)

    def keep(self, queue: str, workflow_id: str, decisions: list[str]) -> None:
        """Lets decisions of the execution before count where the same is asked again."""
        question = {"op": "keep", "workflow_id": workflow_id, "decisions": decisions}
        with self.lent() as runtime:
            runtime.ask_host(self.host(queue), question)


def newest_of(home: Home, run: Run, constants: Mapping[str, Any] | None = None) -> Path:
    """The bundle of a run's workflow that was made last; one of another notebook only where there is no other.

    Raises:
        ResumeRefused: There is none, or other constants are wanted: only a notebook can bundle them.
    """
    if constants:
        raise ResumeRefused(
            f"workflow {run.workflow} has no parameter {next(iter(constants))!r}; a constant is changed from its "
            "notebook: run.fork(...)"
        )
    found: list[tuple[bool, float, Path]] = []
    for path in home.bundles.glob("jw_*/manifest.json"):
        with contextlib.suppress(OSError, ValueError):
            manifest = Manifest.model_validate_json(path.read_bytes())
            if any(workflow.name == run.workflow for workflow in manifest.workflows):
                found.append((not is_of_another_notebook(home, path.parent, run), path.stat().st_mtime, path.parent))
    if not found:
        raise ResumeRefused(
            f"there is no code of workflow {run.workflow!r} on this machine: run its %%workflow cell, then resume"
        )
    return max(found)[-1]


def is_of_another_notebook(home: Home, bundle: Path, run: Run) -> bool:
    """Whether another notebook than a run's served a bundle last; one that was only written is nobody's yet."""
    spec = last_server(home, str(bundle))
    if spec is None or spec.notebook is None or run.notebook is None:
        return False
    return spec.notebook != str(Path(run.notebook).absolute())
