"""The files of an exported package: the bundle as it is, and what stands around it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import ExportFailed
from ..notebook.bundle import MANIFEST, NAME_DIGITS, BundleFiles, content_files
from ..schema import BundledWorkflow, Segment
from . import rendering
from .captures import needed_distributions
from .names import package_name
from .requirements import constraint_lines, constraints, dependencies
from .wheel import build_wheel, wheel_name

VERSION = "0.1.0"
CHART = (
    "Chart.yaml",
    "values.yaml",
    "values.schema.json",
    "templates/_names.tpl",
    "templates/deployment.yaml",
    "templates/networkpolicy.yaml",
    "templates/reviewers.yaml",
    "templates/scaledobject.yaml",
)
# Names of variables that hold something secret, as code asks for them.
SECRET = re.compile(r"\b[A-Z][A-Z0-9_]*(?:_API_KEY|_TOKEN|_SECRET|_PASSWORD)\b")
MODELS = re.compile(r"\bjupyter_workflows\.ai\b|\bfrom jupyter_workflows import [^\n]*\bai\b")


@dataclass(frozen=True)
class Project:
    """What a package is made of.

    Args:
        name: The checked name of its distribution.
        bundle: The code.
        histories: File name to content of each recorded run.
        tests: Further test modules: file name to text.
    """

    name: str
    bundle: BundleFiles
    histories: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    tests: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def package(self) -> str:
        """The name it is imported by."""
        return package_name(self.name)

    @property
    def build(self) -> str:
        """The version of the deployment."""
        return self.bundle.digest[:NAME_DIGITS]

    @property
    def version(self) -> str:
        """The version of the distribution: another bundle is another one."""
        return f"{VERSION}+jw{self.bundle.digest[:8]}"

    @property
    def python(self) -> str:
        """The Python that the code ran with, such as `3.11`."""
        found = re.match(r"3\.\d{1,2}", self.bundle.manifest.python)
        if found is None:
            raise ExportFailed(f"the bundle names no Python 3 but {self.bundle.manifest.python!r}: bundle it anew")
        return found.group()

    @cached_property
    def distributions(self) -> dict[str, str]:
        """Name and version of what the code imports and its captured values come from.

        Raises:
            ExportFailed: A captured value comes from nothing that can be installed.
        """
        files = content_files(self.bundle.path)
        pickles = {
            name: files[f"captured/{digest}.pickle"].read_bytes()
            for name, digest in self.bundle.manifest.captured.items()
        }
        return {**needed_distributions(pickles), **self.bundle.manifest.distributions}

    def files(self) -> dict[str, bytes]:
        """Path to content of all files."""
        texts = {
            "pyproject.toml": self.pyproject(),
            "constraints.txt": constraint_lines(constraints(self.distributions)),
            "README.md": rendering.render("README.md", self.readme_values()),
            ".gitignore": rendering.render("gitignore", {}),
            ".dockerignore": rendering.render("dockerignore", {}),
            ".github/workflows/test.yml": rendering.render("github/test.yml", self.names),
            "Dockerfile": rendering.render("Dockerfile", self.names),
            **self.chart(),
            "monitoring/alerts.yaml": rendering.render("monitoring/alerts.yaml", self.names),
            "monitoring/dashboard.json": rendering.render("monitoring/dashboard.json", self.names),
            f"src/{self.package}/__init__.py": rendering.render("src/__init__.py", {}),
            f"src/{self.package}/__main__.py": rendering.render("src/__main__.py", self.names),
            "tests/test_replay.py": rendering.render("tests/test_replay.py", self.names),
            **{f"tests/{name}": text for name, text in self.tests.items()},
        }
        files = {path: text.encode() for path, text in texts.items()}
        files |= {f"src/{self.package}/bundle/{path}": data for path, data in bundle_content(self.bundle).items()}
        files |= {f"tests/histories/{name}": data for name, data in self.histories.items()}
        files[f"wheels/{wheel_name()}"] = build_wheel()
        return files

    @property
    def names(self) -> dict[str, str]:
        """The checked names, which may stand anywhere."""
        return {
            "name": self.name,
            "package": self.package,
            "version": self.version,
            "python": self.python,
            "build": self.build,
            # Grafana knows a dashboard by at most 40 characters.
            "dashboard": self.name[:40],
        }

    @property
    def description(self) -> str:
        """What it is, in a sentence: the workflow's own description where there is one workflow."""
        workflows = self.bundle.manifest.workflows
        own = workflows[0].description if len(workflows) == 1 else None
        return own or "Durable workflows from a notebook: " + ", ".join(workflow.name for workflow in workflows)

    def pyproject(self) -> str:
        """`pyproject.toml`."""
        needed = dependencies(self.distributions, self.extras())
        lines = "\n".join(f"  {rendering.toml(requirement)}," for requirement in needed)
        values = {**self.names, "description": rendering.toml(one_line(self.description)), "dependencies": lines}
        return rendering.render("pyproject.toml", values)

    def chart(self) -> dict[str, str]:
        """The Helm chart."""
        values = {
            **self.names,
            "description": rendering.yaml(one_line(self.description)),
            # A tag takes no plus sign.
            "tag": self.version.replace("+", "-"),
        }
        return {f"chart/{file}": rendering.render(f"chart/{file}", values) for file in CHART}

    def extras(self) -> list[str]:
        """The extras of the base package that the code needs, and that of whoever looks after it."""
        source = self.sources()
        found = {"telemetry"} | ({"ai"} if MODELS.search(source) else set[str]())
        if "mcp" in {name.lower() for name in self.distributions} or re.search(r"\bMCP\w*\b", source):
            found.add("mcp")
        if "pandas" in self.distributions:
            found.add("dataframes")
        return sorted(found)

    def sources(self) -> str:
        """All Python of the bundle, one file after the other."""
        files = content_files(self.bundle.path)
        return "\n".join(files[name].read_text(encoding="utf-8") for name in sorted(files) if name.endswith(".py"))

    def secrets(self) -> list[str]:
        """The names of secret variables that the code reads."""
        found = set(SECRET.findall(self.sources()))
        return sorted(found | ({"MISTRAL_API_KEY"} if "ai" in self.extras() else set()))

    def readme_values(self) -> dict[str, str]:
        """What stands in the README."""
        secrets = "".join(f"\n| `{name}` | read by the code; a secret, by name only |" for name in self.secrets())
        count = len(self.histories)
        runs = f"Recorded runs: {count}. They hold what the runs were given and gave, so treat them as data."
        return {
            **self.names,
            "description_words": rendering.markdown(self.description),
            "workflows": "\n".join(map(workflow_row, self.bundle.manifest.workflows)),
            "secrets": secrets,
            "origins": origins(self.bundle.manifest.segments),
            "example": example(self.bundle.manifest.workflows[0]) if self.bundle.manifest.workflows else "NAME",
            "histories": runs if count else "No run was recorded yet: add some.",
            "proof": "`PROOF.md`, where it was made, says what was shown at the export, and what was not."
            if count
            else "",
        }


def bundle_content(bundle: BundleFiles) -> dict[str, bytes]:
    """The files of a bundle, the manifest with them, as they are.

    Raises:
        ExportFailed: One of them is a link, or is not what the manifest says.
    """
    paths = {**content_files(bundle.path), MANIFEST: bundle.path / MANIFEST}
    for path in paths.values():
        inner = path.relative_to(bundle.path)
        if any((bundle.path / part).is_symlink() for part in [inner, *inner.parents][:-1]) or bundle.path.is_symlink():
            raise ExportFailed(f"{path} is a link: a bundle holds its own files, run the %%workflow cell again")
    return {name: path.read_bytes() for name, path in paths.items()}


def workflow_row(workflow: BundledWorkflow) -> str:
    """A workflow in the table of the README."""
    cells = (workflow.name, workflow.signature, workflow.description or "")
    return "| " + " | ".join(rendering.markdown(cell) for cell in cells) + " |"


def origins(segments: Sequence[Segment]) -> str:
    """Which lines came from which cell, as a table."""
    rows = [
        f"| `bundle/{segment.module}.py`, {segment.start_line}-{segment.end_line} | {rendering.markdown(segment.name)} "
        f"| {'' if segment.cell_number is None else segment.cell_number} | {rendering.markdown(segment.cell_id)} |"
        for segment in segments
    ]
    return "\n".join(["| Lines | What | Cell | Cell id |", "|---|---|---|---|", *rows])


def example(workflow: BundledWorkflow) -> str:
    """The arguments of `start`, for a shell: quoted, whatever the workflow is called."""
    required: Sequence[str] = workflow.parameters_schema.get("required", [])
    values = json.dumps(dict.fromkeys(map(str, required), "..."), ensure_ascii=True)
    return f"{shlex.quote(one_line(workflow.name))} {shlex.quote(values)}"


def one_line(text: str) -> str:
    """A text without line ends and what can't be seen."""
    return rendering.comment(text)
