"""A bundle becomes a running worker.

`python -m jupyter_workflows.worker BUNDLE` serves one bundle of the configured Temporal server; the worker
hosts of the embedded runtime serve many in one process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import temporalio.activity

from .authoring.bundles import LoadedBundle, register, serve
from .authoring.definitions import Activity, Workflow
from .errors import WorkerUnavailable
from .schema import CellLocation, Manifest

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.worker import Interceptor, Worker, WorkerDeploymentConfig

    from .security.identity import TrustedKeys

ANYBODY = ""
MODULES = ("models", "activities", "workflows")
# Threads are made when they are needed; this bounds the synchronous steps that run at once in a worker.
MAX_THREADS = 100


def task_queue(digest: str, host: str) -> str:
    """The task queue of a bundle: its runs stay with its code.

    Args:
        digest: The bundle's digest, or its first 16 digits.
        host: The key of the worker host whose queue is meant: notebooks with the same code run their own steps,
            each in its own directory, interpreter and environment. `ANYBODY` names the queue that is nobody's own.
    """
    return f"jw-{digest[:16]}-{host}" if host else f"jw-{digest[:16]}"


def load_bundle(path: Path, trusted: TrustedKeys | None = None, *, package: str = "") -> LoadedBundle:
    """Imports a bundle; its lines can be told from then on.

    Args:
        path: The bundle's directory.
        trusted: Whose decisions its runs take; nobody's where it is not to be served.
        package: The name it is imported by where it is part of an installed package; otherwise its own, and the
            directory above it is put on `sys.path`.

    Raises:
        WorkerUnavailable: The bundle is not whole, or an import in it fails; names the cell and line.
    """
    try:
        manifest = Manifest.model_validate_json((path / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise WorkerUnavailable(f"{path} is no whole bundle: {error}: run the %%workflow cell again") from None
    parent = str(path.parent)
    if not package and parent not in sys.path:
        sys.path.append(parent)
    bundle = LoadedBundle(path, manifest, trusted, package, load=partial(load_bundle, trusted=trusted))
    for name in MODULES:
        source = path / f"{name}.py"
        if source.exists():
            bundle.source_lines[name] = source.read_text(encoding="utf-8").splitlines()
    register(bundle)
    importlib.invalidate_caches()
    for name in MODULES:
        if name in bundle.source_lines:
            collect(bundle, import_module(bundle, f"{bundle.package}.{name}"))
    check_whole(bundle)
    return bundle


def check_whole(bundle: LoadedBundle) -> None:
    """Refuses a bundle some of whose activities or workflows were not found: runs would wait for them without end.

    Raises:
        WorkerUnavailable: Names what is missing.
    """
    activities = {activity.name for activity in bundle.manifest.activities} - bundle.activities.keys()
    workflows = {workflow.name for workflow in bundle.manifest.workflows} - bundle.workflows.keys()
    if missing := ", ".join(sorted(activities | workflows)):
        raise WorkerUnavailable(
            f"bundle {bundle.manifest.package} does not define {missing}, which its manifest names: "
            "run the %%workflow cell again"
        )


def import_module(bundle: LoadedBundle, name: str) -> ModuleType:
    """Imports one module of a bundle.

    Raises:
        WorkerUnavailable: It can't be imported; names the cell and line.
    """
    from .authoring.bundles import where

    try:
        return importlib.import_module(name)
    except Exception as error:
        location, _ = where(error)
        place = f" ({location})" if location else ""
        raise WorkerUnavailable(
            f"the worker can't import bundle {bundle.manifest.package}{place}: {type(error).__name__}: {error}"
        ) from error


def collect(bundle: LoadedBundle, module: ModuleType) -> None:
    """Enters the workflows, activities and exceptions that a module of a bundle defines."""
    for name, value in list(vars(module).items()):
        if isinstance(value, Activity) and module.__name__.endswith(".activities"):
            bundle.activities[value.name] = value
            value.location = location_of(bundle, "activities", value.__name__)
            if (undo := value.options.compensate) is not None:
                bundle.activities.setdefault(undo.name, undo)
                undo.location = location_of(bundle, "activities", undo.__name__)
        elif isinstance(value, Workflow) and module.__name__.endswith(".workflows"):
            bundle.workflows[value.name] = value
            value.location = location_of(bundle, "workflows", value.__name__)
        elif isinstance(value, type) and hasattr(value, "__temporal_workflow_definition"):
            bundle.workflow_classes.append(value)
        elif isinstance(value, type) and issubclass(value, Exception):
            bundle.exceptions.setdefault(name, value)


def location_of(bundle: LoadedBundle, module: str, name: str) -> CellLocation | None:
    """The cell and line a bundled function is defined at."""
    for segment in bundle.segments.get(module, []):
        if segment.name == name:
            return bundle.locate(module, segment.start_line)
    return None


def deployment_of(queue: str) -> str:
    """The name under which Temporal knows the bundles that the resumed runs of a task queue are pinned to.

    One name for all queues of a worker host: a server takes 100 names at most where it is not told otherwise.
    """
    return f"jw-{queue.split('-')[2]}" if queue.count("-") >= 2 else "jw-anybody"


def served_activities(bundle: LoadedBundle) -> list[Callable[..., Any]]:
    """The activities that a worker of a bundle runs, as Temporal takes them: its own, and ours."""
    from .ai.activities import ACTIVITIES
    from .ai.agents import ACTIVITIES as AGENT_ACTIVITIES
    from .authoring.durable_cells import hand_over
    from .plugin.other_code import undo_of_other_code
    from .runs.recorded import read_effects

    return [
        read_effects,
        undo_of_other_code,
        *([] if bundle.workflow_classes else [hand_over]),
        *(
            temporalio.activity.defn(name=found.name)(found.travelling())
            for found in (*bundle.activities.values(), *ACTIVITIES, *AGENT_ACTIVITIES)
        ),
    ]


def pinned_version(deployment: str, version: str) -> WorkerDeploymentConfig:
    """A version of a deployment that serves the runs pinned to it and no other."""
    from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
    from temporalio.worker import WorkerDeploymentConfig

    return WorkerDeploymentConfig(
        WorkerDeploymentVersion(deployment, version),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def bundle_worker(
    client: Client,
    bundle: LoadedBundle,
    *,
    queue: str = "",
    identity: str | None = None,
    deployment: WorkerDeploymentConfig | None = None,
    resumes_as: str = "",
) -> Worker:
    """The worker of a loaded bundle, not yet running.

    Args:
        client: A client made by `connection.connect`: it brings our plugin.
        bundle: The bundle.
        queue: The task queue it polls; by default the one that is anybody's.
        identity: Who Temporal's history says ran a step.
        deployment: Which version of which deployment it is, where several versions share a task queue.
        resumes_as: The deployment under which it serves resumed runs only: those of another bundle's queue that are
            pinned to this one. What finished before they were resumed is handed over to them.
    """
    from temporalio.worker import Worker

    from .authoring.served import served_workflows

    queue = queue or task_queue(bundle.manifest.digest, ANYBODY)
    version = bundle.manifest.digest[:16]
    handover: list[Interceptor] = []
    if resumes_as:
        from .plugin.handover import Handover

        handover = [Handover(client, bundle.path, bundle.trusted)]
        deployment = pinned_version(resumes_as, version)
    else:
        serve(queue, bundle)
    return Worker(
        client,
        task_queue=queue,
        workflows=served_workflows(bundle),
        activities=served_activities(bundle),
        activity_executor=ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="activity"),
        identity=identity,
        # Without a name of ours Temporal hashes the code of every loaded module: 0.2 s, seconds where pandas is loaded.
        build_id=None if deployment else version,
        deployment_config=deployment,
        interceptors=handover,
    )
