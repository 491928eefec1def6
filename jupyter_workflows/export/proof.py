"""The proof that goes with a package: what was installed where, and what recorded runs made of it there.

What is shown, and what is not:

- **The code is the same**: the digest of the installed files is that of the bundle the runs ran on.
- **It runs without the notebook**: the package is installed in an empty environment and imports there.
- **Replay**: given what the steps gave in the notebook, the code asks for the same steps with the same inputs and comes
  to the same result. Nothing but workflow code runs, so this says nothing about the steps' own code.
- **Rerun**: the installed worker runs the recorded input on a server of its own, steps included, and comes to the same
  steps, inputs, outputs and result. Only for workflows all of whose steps were declared safe to run again.
- **Tests**: the package's own tests pass there.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import rendering
from .environment import Environment
from .project import Project
from .recording import Recorded
from .rerun import Rerun, Stage, quiet, whole, why_not
from .writing import inside, replace

FILES = ("proof.json", "PROOF.md")
WHAT_IT_SAYS = (
    "A replay runs the workflow's code over what the steps gave in the notebook: it shows that the code asks for the "
    "same steps with the same inputs and comes to the same result, and says nothing about the steps' own code. A run "
    "is run once more only where all its steps were declared safe (`export --safe`)."
)


@dataclass(frozen=True)
class RunProof:
    """What the package made of one recorded run.

    Attributes:
        workflow_id: The run.
        replay: What its replay found, see `deployment.proving`.
        rerun: What it came to the second time.
    """

    workflow_id: str
    replay: dict[str, Any]
    rerun: Rerun

    @property
    def holds(self) -> bool:
        """Whether nothing was another than in the notebook."""
        replay = self.replay
        same = replay["agrees"] and not replay.get("other_inputs") and replay.get("same_result") is not False
        return bool(same) and not self.rerun.differences


@dataclass(frozen=True)
class Proof:
    """What was shown about a package.

    Attributes:
        holds: Whether all of it is as it should be.
        package: The package's name.
        build: Its version.
        digest: The digest of the bundle that the runs ran on.
        at: When, in UTC.
        installed: What the installed package told, see `deployment.proving`.
        runs: File name of a recorded run to what was made of it.
        tests: The closing line of the package's tests.
        problems: What is not as it should be.
    """

    package: str
    build: str
    digest: str
    at: str
    installed: dict[str, Any]
    runs: dict[str, RunProof]
    tests: str
    problems: list[str] = field(default_factory=list[str])

    @property
    def holds(self) -> bool:
        """Whether all of it is as it should be."""
        return not self.problems

    def data(self) -> dict[str, Any]:
        """As JSON."""
        runs = {name: {**asdict(run), "holds": run.holds} for name, run in self.runs.items()}
        return {"format": 1, "holds": self.holds, **asdict(self), "runs": runs}


def prove(
    project: Project,
    root: Path,
    recorded: Recorded,
    *,
    safe: Sequence[str] = (),
    environment: Environment | None = None,
    progress: Callable[[str], None] | None = None,
) -> Proof:
    """Installs a package in an empty environment and compares what it does there with the notebook's runs.

    Cost: half a minute, most of it pip's, and as long as the runs take that run once more.

    Args:
        project: What the package is made of.
        root: Where it was written.
        recorded: The recorded runs.
        safe: Activities that may run again, or `all`.
        environment: One that the package is installed in; by default one is made, and removed at the end.
        progress: Told what is done now.

    Raises:
        ExportFailed: The package can't be installed, or not be looked at.
    """
    tell = progress or quiet
    with tempfile.TemporaryDirectory(prefix="jw-proof-") as folder:
        if environment is None:
            tell("installing the package in a clean environment")
            environment = Environment(root, Path(folder) / "environment")
            environment.install()
        tell("replaying the recorded runs there")
        files = [root / "tests" / "histories" / name for name in recorded.files]
        installed = environment.tell(project.name, project.package, files)
        reruns = run_again(recorded, safe, Stage(environment, project.name, Path(folder)), tell)
        tell("running its tests")
        tests = environment.python("-m", "pytest", "-q")
    replays = installed.pop("replays")
    runs = {
        name: RunProof(run.id, replays[name], reruns.get(name, Rerun(reason="not tried")))
        for name, run in recorded.runs.items()
    }
    closing = ([""] + [line for line in tests.stdout.splitlines() if line.strip()])[-1]
    proof = Proof(
        package=project.name,
        build=project.build,
        digest=project.bundle.digest,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        installed=installed,
        runs=runs,
        tests=closing,
    )
    proof.problems.extend(problems(proof, tests.returncode))
    return proof


def run_again(recorded: Recorded, safe: Sequence[str], stage: Stage, tell: Callable[[str], None]) -> dict[str, Rerun]:
    """The runs that may run once more, and why the others may not."""
    snapshots = {name: whole(run) for name, run in recorded.runs.items()}
    reasons = {name: why_not(snapshot, safe) for name, snapshot in snapshots.items()}
    found: dict[str, Rerun] = {}
    with stage.up() if "" in reasons.values() else nullcontext():
        for name, reason in reasons.items():
            if not reason:
                tell(f"running {recorded.runs[name].id} once more")
            found[name] = Rerun(reason=reason) if reason else stage.run(snapshots[name])
    return found


def problems(proof: Proof, tests: int) -> list[str]:
    """What is not as it should be."""
    found: list[str] = []
    if proof.installed["digest"] != proof.digest:
        found.append("the installed code is not the bundle: it was changed by hand")
    for name, run in proof.runs.items():
        replay, rerun = run.replay, run.rerun
        if not replay["agrees"]:
            found.append(f"{name}: {replay['message']}")
        elif replay.get("other_inputs"):
            found.append(f"{name}: {', '.join(replay['other_inputs'])} would get another input")
        elif replay.get("same_result") is False:
            found.append(f"{name}: the replay comes to another result")
        found += [f"{name}, run once more: {difference}" for difference in rerun.differences]
    if tests:
        found.append(f"the package's tests fail: {proof.tests}")
    return found


def write_proof(proof: Proof, root: Path) -> None:
    """Puts the proof into the package; it is evidence, so each export writes it anew.

    Raises:
        ExportFailed: A link stands in its place.
    """
    text = json.dumps(proof.data(), indent=1, ensure_ascii=False) + "\n"
    for name, content in zip(FILES, (text, words(proof)), strict=True):
        replace(inside(root, name), content.encode("utf-8", "replace"))


def drop_stale(root: Path, digest: str) -> None:
    """Removes the proof of other code, which a package has from an earlier export.

    Raises:
        ExportFailed: A link stands in its place.
    """
    paths = [inside(root, name) for name in FILES]
    try:
        told = json.loads(paths[0].read_text(encoding="utf-8")).get("digest")
    except (OSError, ValueError, AttributeError):
        return
    if told != digest:
        for path in paths:
            path.unlink(missing_ok=True)


def words(proof: Proof) -> str:
    """The proof for people."""
    installed = proof.installed
    verdict = "**holds**" if proof.holds else "**does not hold**"
    count = len(installed["distributions"])
    code = "that of the bundle the runs ran on" if installed["digest"] == proof.digest else "not that of the bundle"
    lines = [
        f"# Proof for {proof.package} {proof.build}",
        "",
        f"Made {proof.at} UTC with Python {installed['python']}: it {verdict}.",
        "",
        *(f"- {rendering.markdown(problem)}" for problem in proof.problems),
        *([""] if proof.problems else []),
        f"- The code: digest `{installed['digest']}`, {code}.",
        f"- The environment: {count} distributions, none but the package and what it needs.",
        f"- Of Jupyter, pandas and plotly there: {', '.join(installed['jupyter']) or 'nothing'}.",
        f"- Its tests: {rendering.markdown(proof.tests)}.",
        "",
        "| Recorded run | Replay: same steps, inputs, result | Run once more: steps and outputs too |",
        "|---|---|---|",
        *(f"| `{name}` | {replay_words(run.replay)} | {rerun_words(run.rerun)} |" for name, run in proof.runs.items()),
        "",
        WHAT_IT_SAYS,
    ]
    return "\n".join(lines) + "\n"


def replay_words(replay: dict[str, Any]) -> str:
    """What a replay found, for a table."""
    if not replay["agrees"]:
        return f"no: {rendering.markdown(replay['message'])}"
    if replay.get("other_inputs") or replay.get("same_result") is False:
        return "not all"
    return f"yes, {replay['tasks']} workflow tasks" + ("" if replay.get("same_result") else "; it came to no result")


def rerun_words(rerun: Rerun) -> str:
    """What a rerun came to, for a table."""
    if not rerun.ran:
        return f"not run: {rendering.markdown(rerun.reason)}"
    return f"no: {rendering.markdown('; '.join(rerun.differences))}" if rerun.differences else "yes"
