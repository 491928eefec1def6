"""The target `temporal-plain`: a package that needs Temporal's SDK and what the code imports, and nothing of ours.

The user's functions stay as they are: the names they import from us are given by a module of the package itself. What
that module can't give is refused, with every reason at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..authoring import Activity, Workflow
from ..errors import ExportFailed
from ..notebook.bundle import content_files
from ..schema import BundledWorkflow
from ..worker import load_bundle
from . import rendering
from .project import Project, one_line
from .requirements import BASE, constraint_lines, constraints, normal, required_range

OURS = "jupyter_workflows"
GIVEN = frozenset({"activity", "workflow", "timeout", "sleep", "RetryPolicy"})
# Values of these travel by our converter.
TABLES = frozenset({"pandas", "numpy", "polars", "pyarrow"})


@dataclass(frozen=True)
class Edit:
    """A piece of source to replace: first line and column, last line and column, counted as `ast` does."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


class PlainProject(Project):
    """What a package without us is made of."""

    def files(self) -> dict[str, bytes]:
        """Path to content of all files.

        Raises:
            ExportFailed: The code uses what only our engine gives; names every use.
        """
        sources = {name: path.read_bytes() for name, path in content_files(self.bundle.path).items()}
        texts = {name: data.decode() for name, data in sources.items() if name.endswith(".py")}
        reasons = [*refused_names(texts), *refused_options(self)]
        if reasons:
            raise ExportFailed(
                "the code can't be expressed without jupyter-workflows, take the target `temporal`: "
                + "; ".join(reasons)
            )
        inside = f"src/{self.package}"
        files = {f"{inside}/{name}": data for name, data in sources.items() if not name.endswith(".py")}
        files |= {f"{inside}/{name}": rewritten(text, name.count("/") + 1).encode() for name, text in texts.items()}
        return files | {path: text.encode() for path, text in self.around(inside).items()}

    def around(self, inside: str) -> dict[str, str]:
        """The files around the code."""
        others = {name: version for name, version in self.distributions.items() if normal(name) != BASE}
        versions = {name: version for name, version in constraints(others).items() if name != BASE}
        needed = {**others, **{name: versions[name] for name in ("temporalio", "pydantic")}}
        lines = sorted({required_range(name, version) for name, version in needed.items()})
        values = {
            **self.readme_values(),
            "description": rendering.toml(one_line(self.description)),
            "dependencies": "\n".join(f"  {rendering.toml(line)}," for line in lines),
        }
        return {
            "pyproject.toml": rendering.render("plain/pyproject.toml", values),
            "README.md": rendering.render("plain/README.md", values),
            "constraints.txt": constraint_lines(versions),
            ".gitignore": rendering.render("gitignore", {}),
            f"{inside}/durable.py": rendering.render("plain/durable.py", {}),
            f"{inside}/__main__.py": rendering.render("plain/main.py", values),
            "tests/test_code.py": rendering.render("tests/test_code.py", values),
            **{f"tests/{name}": text for name, text in self.tests.items()},
        }


def refused_names(texts: dict[str, str]) -> Iterator[str]:
    """What the code reads of ours beyond what the package gives itself."""
    for file, text in sorted(texts.items()):
        tree = ast.parse(text)
        for node in ast.walk(tree):
            for name in used_names(node):
                if name not in GIVEN:
                    yield f"{file}, line {getattr(node, 'lineno', 1)} uses {name}"


def used_names(node: ast.AST) -> list[str]:
    """The names of ours that a node reads."""
    if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == OURS:
        return [alias.name if node.module == OURS else f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Import):
        return [
            alias.name
            for alias in node.names
            if alias.name.startswith(f"{OURS}.") or (alias.name == OURS and alias.asname)
        ]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == OURS:
        return [node.attr]
    return []


def refused_options(project: Project) -> Iterator[str]:
    """What definitions ask for beyond retries, timeouts and names."""
    bundle = load_bundle(project.bundle.path)
    for step in bundle.activities.values():
        given = {"check": step.options.check, "rate_limit": step.options.rate_limit}
        given |= {"compensate": step.options.compensate, "irreversible": step.options.irreversible}
        yield from (f"{step.name} has {option}=" for option, value in given.items() if value)
        yield from tables(step)
    for flow in bundle.workflows.values():
        yield from (f"{flow.name} has {option}=" for option in ("budget", "partial") if getattr(flow, option))
        yield from tables(flow)
    yield from children(project.bundle.manifest.workflows)


def tables(definition: Activity[Any, Any] | Workflow[Any, Any]) -> Iterator[str]:
    """The values of a definition that plain JSON can't be."""
    for name, hint in definition.hints.items():
        if str(getattr(hint, "__module__", "")).partition(".")[0] in TABLES:
            what = "gives" if name == "return" else f"takes {name}, "
            yield f"{definition.name} {what} a {hint.__name__}, which travels by our converter"


def children(workflows: Sequence[BundledWorkflow]) -> Iterator[str]:
    """The workflows that another one awaits."""
    functions = {workflow.function for workflow in workflows}
    for workflow in workflows:
        yield from (f"{workflow.name} starts the run {name}" for name in workflow.activities if name in functions)


def rewritten(text: str, depth: int) -> str:
    """Source whose names of ours come from the package's own module.

    Args:
        text: The source.
        depth: How deep in the package its file is; 1 at its top.
    """
    lines = text.encode().split(b"\n")
    for edit in sorted(edits(ast.parse(text), "." * depth), key=lambda edit: edit.start, reverse=True):
        (first, left), (last, right) = edit.start, edit.end
        lines[first - 1 : last] = [lines[first - 1][:left] + edit.text.encode() + lines[last - 1][right:]]
    return b"\n".join(lines).decode()


def edits(tree: ast.AST, dots: str) -> Iterator[Edit]:
    """What has to be replaced."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module == OURS:
            names = ", ".join(f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in node.names)
            yield edit_of(node, f"from {dots}durable import {names}")
        elif isinstance(node, ast.Import) and any(alias.name == OURS for alias in node.names):
            yield edit_of(node, f"from {dots} import durable")
        elif isinstance(node, ast.Name) and node.id == OURS:
            yield edit_of(node, "durable")


def edit_of(node: ast.stmt | ast.expr, text: str) -> Edit:
    """The replacement of a node."""
    return Edit((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0), text)
