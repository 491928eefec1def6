"""`export`: from workflows of a notebook, or of a bundle on disk, to a package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ..authoring import Workflow
from ..connection import loop_thread
from ..errors import ExportFailed, JupyterWorkflowsError
from ..notebook.bundle import BundleFiles, read_bundle, write_bundle
from ..notebook.catalog import live_workflows, newest
from ..notebook.closure import resolve
from ..runs import client as run_client
from ..runs.handle import Run
from ..session import Session, current
from . import proof
from .cells import cell_tests, tags_of
from .mistral import MistralProject
from .names import distribution_name, package_name, slug
from .plain import PlainProject
from .project import Project
from .proof import Proof
from .recording import Recorded, record
from .requirements import constraints, normal
from .writing import Changes, write_package

RUNS = 3
NOTEBOOK_TESTS = "tests/test_notebook.py"
Target = Literal["temporal", "temporal-plain", "mistral"]
PROJECTS: dict[Target, type[Project]] = {"temporal": Project, "temporal-plain": PlainProject, "mistral": MistralProject}


@dataclass(frozen=True)
class Exported:
    """A package that was written.

    Attributes:
        path: Its directory.
        name: The name of its distribution.
        build: Its version of the deployment: the first 16 digits of the bundle's digest.
        changes: What was done to its files.
        runs: The recorded runs that go with it, by file name.
        left_out: Run to why it does not.
        notes: What whoever exports should know.
        proof: What the package did in a clean environment; None where that was not tried.
    """

    path: Path
    name: str
    build: str
    changes: Changes
    runs: list[str] = field(default_factory=list[str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])
    proof: Proof | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for a person to settle: no file changed by two, and the proof holds."""
        return not self.changes.conflicts and (self.proof is None or self.proof.holds)


def export(
    workflow: str | Workflow[Any, Any] | Sequence[str | Workflow[Any, Any]],
    path: str | os.PathLike[str],
    *,
    package: str | None = None,
    target: Target = "temporal",
    runs: int = RUNS,
    prove: bool | None = None,
    safe: Sequence[str] = (),
) -> Exported:
    """Writes workflows as a package that others install, run and test; the code is what ran here, byte for byte.

    Exporting again renews the package in place: files that were changed by hand are kept, and what could not be
    renewed is told.

    Args:
        workflow: A workflow or its name, or several: in a notebook as its cells were last executed, in a terminal the
            newest bundle that holds it.
        path: The package's directory: new, empty, or exported to before.
        package: Its name, such as `contract-review`; by default made from the workflow's.
        target: `"temporal"`; or `"temporal-plain"`: the package needs Temporal's SDK and what the code imports, and
            nothing of ours; code that uses more than steps, retries, timeouts and waits is refused; or `"mistral"`:
            it runs under `mistralai-workflows`, with approvals, rate limits and streamed texts besides.
        runs: At most so many recorded runs of each workflow go with it, as tests; they hold what the runs were given.
        prove: Install it in a clean environment, replay the recorded runs there and put what was found into it; by
            default where there are recorded runs. Takes half a minute.
        safe: Activities that may run again for the proof, or `["all"]`: a recorded run all of whose steps are safe
            runs once more on a server of its own.

    Raises:
        ExportFailed: A name or path can't be used; or the proof can't be made, though the package is written.
        ClosureError: A workflow can't run outside the notebook; names every reason.
        CommandError: There is no such workflow.
    """
    session = current()
    wanted = [workflow] if isinstance(workflow, str | Workflow) else list(workflow)
    if not wanted:
        raise ExportFailed("there is nothing to export: name a workflow")
    check(runs, target)
    bundle, digests = bundle_of(session, wanted)
    return export_bundle(
        session, bundle, path, package=package, target=target, runs=runs, prove=prove, safe=safe, digests=digests
    )


def export_bundle(
    session: Session,
    bundle: BundleFiles,
    path: str | os.PathLike[str],
    *,
    package: str | None = None,
    target: Target = "temporal",
    runs: int = RUNS,
    prove: bool | None = None,
    safe: Sequence[str] = (),
    digests: AbstractSet[str] = frozenset(),
) -> Exported:
    """Writes a bundle as a package; where no cells are known, tests of the notebook stay as they were exported before.

    Args:
        session: Where its home and runs are; the cells whose tests go along.
        bundle: The bundle.
        path: As of `export`.
        package: As of `export`; by default made from the first workflow's.
        target: As of `export`.
        runs: As of `export`.
        prove: As of `export`.
        safe: As of `export`.
        digests: Of the bundles whose runs may be recorded; by default of this one.

    Raises:
        ExportFailed: A name or path can't be used, or the target can't give what the code uses.
    """
    check(runs, target)
    needed = frozenset(normal(name) for name in constraints(bundle.manifest.distributions))
    name = distribution_name(package or slug(bundle.manifest.workflows[0].function), needed)
    notes: list[str] = []
    ours = target == "temporal"
    recorded = recorded_runs(session, bundle, digests or {bundle.digest}, runs, notes) if ours else Recorded()
    project = project_of(session, bundle, name, recorded, notes, target=target)
    root = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - `..` is taken out, links are not followed
    facts = {"target": target, "build": project.build, "digest": bundle.digest}
    kept = frozenset[str]() if session.namespace else frozenset({NOTEBOOK_TESTS})
    changes = write_package(root, name, project.files(), facts, kept)
    made: Proof | None = None
    if ours and (recorded.files if prove is None else prove):
        made = proof.prove(project, root, recorded, safe=safe, progress=session.progress)
        proof.write_proof(made, root)
    else:
        proof.drop_stale(root, bundle.digest)
    return Exported(root, name, project.build, changes, sorted(recorded.files), recorded.left_out, notes, made)


def check(runs: int, target: str) -> None:
    """Refuses what makes no sense.

    Raises:
        ExportFailed: An option is none of those there are.
    """
    if not 0 <= runs <= 100:
        raise ExportFailed(f"runs={runs} makes no sense: give a number from 0 to 100")
    if target not in get_args(Target):
        raise ExportFailed(f"target={target!r} is none: there are {', '.join(get_args(Target))}")


def project_of(
    session: Session, bundle: BundleFiles, name: str, recorded: Recorded, notes: list[str], *, target: Target
) -> Project:
    """What the package is made of, the notebook's own tests with it."""
    home = f"{package_name(name)}.bundle" if target == "temporal" else package_name(name)
    cells = cell_tests(session.cells, bundle.manifest, home, tags_of(session.notebook))
    notes += [f"{cell} is no test of the package: {reason}" for cell, reason in cells.left_out.items()]
    tests = {Path(NOTEBOOK_TESTS).name: cells.text} if cells.text else dict[str, str]()
    return PROJECTS[target](name, bundle, recorded.files, tests)


def bundle_of(session: Session, wanted: Sequence[str | Workflow[Any, Any]]) -> tuple[BundleFiles, set[str]]:
    """The bundle of some workflows, and the digests of the bundles that their runs may have run on.

    Raises:
        ExportFailed: Several workflows are wanted where there is no notebook.
    """
    live = live_workflows(session.namespace)
    found = [item if isinstance(item, Workflow) else live.get(item) for item in wanted]
    workflows = [item for item in found if item is not None]
    if len(workflows) == len(found):
        single = [session.bundle(item) for item in workflows]
        if len(single) == 1:
            return single[0], {single[0].digest}
        functions = [item.fn.__qualname__ for item in workflows]
        captured = [name for item in workflows for name in item.start_options.capture]
        closure = resolve(
            functions, session.cells, session.namespace, directory=session.directory, capture=tuple(captured)
        )
        together = write_bundle(closure, session.home.bundles)
        return together, {together.digest, *(bundle.digest for bundle in single)}
    if len(wanted) > 1:
        missing = next(item for item, known in zip(wanted, found, strict=True) if known is None)
        raise ExportFailed(f"the notebook has no workflow {missing!r}: several are exported from a notebook only")
    bundle = newest(session.home.bundles, str(wanted[0]))
    files = read_bundle(bundle.path)
    return files, {files.digest}


def recorded_runs(
    session: Session, bundle: BundleFiles, digests: AbstractSet[str], limit: int, notes: list[str]
) -> Recorded:
    """The newest runs on this code that have ended, as histories; none where the server can't be reached."""
    if not limit:
        return Recorded()
    chosen: list[Run[Any]] = []
    try:
        for workflow in bundle.manifest.workflows:
            listed = run_client.list_runs(session.client(), workflow=workflow.name, limit=200, home=session.home)
            ended = [
                run
                for run, record in zip(listed, listed.records, strict=True)
                if record.status in ("completed", "failed") and (record.bundle or "") in {one[:16] for one in digests}
            ]
            chosen += ended[:limit]
    except JupyterWorkflowsError as error:
        notes.append(f"no run was recorded: {error}")
        return Recorded()
    if not chosen:
        notes.append("no run of this code has ended: there is nothing to replay yet")
    return loop_thread().run(record(chosen, bundle.path))
