"""The target `temporal-plain`: a package that needs Temporal's SDK and what the code imports, and nothing of ours.

The user's functions stay as they are: the names they import from us are given by a module of the package itself. What
that module can't give is refused, with every reason at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from ..authoring import Activity, Workflow
from ..errors import ExportFailed
from ..notebook.bundle import content_files
from ..schema import CellLocation, Manifest
from ..worker import load_bundle
from . import rendering
from .ours import Code, edited, edits_of_ours
from .project import Project, one_line
from .requirements import BASE, constraint_lines, constraints, normal, required_range

GIVEN = frozenset({"activity", "workflow", "timeout", "sleep", "RetryPolicy"})
# Values of these travel by our converter.
TABLES = frozenset({"pandas", "numpy", "polars", "pyarrow"})


class PlainProject(Project):
    """What a package without us is made of."""

    def files(self) -> dict[str, bytes]:
        """Path to content of all files.

        Raises:
            ExportFailed: The code uses what only our engine gives; names every use.
        """
        sources = {name: path.read_bytes() for name, path in content_files(self.bundle.path).items()}
        code = Code({n: data.decode() for n, data in sources.items() if n.endswith(".py")}, self.bundle.manifest)
        reasons = [*refused_names(code, GIVEN), *refused_options(self)]
        if reasons:
            raise ExportFailed(
                "the code can't be expressed without jupyter-workflows, take the target `temporal`: "
                + "; ".join(reasons)
            )
        inside = f"src/{self.package}"
        files = {f"{inside}/{name}": data for name, data in sources.items() if not name.endswith(".py")}
        files |= {f"{inside}/{name}": rewritten(code, name).encode() for name in code.texts}
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
            f"{inside}/failures.py": rendering.render("failures.py", {}),
            f"{inside}/__main__.py": rendering.render("plain/main.py", values),
            "tests/test_code.py": rendering.render("tests/test_code.py", values),
            **{f"tests/{name}": text for name, text in self.tests.items()},
        }


def refused_names(code: Code, given: AbstractSet[str]) -> Iterator[str]:
    """What the code reads of ours beyond what the package gives itself."""
    yield from (f"{code.place(use.file, use.node)} uses {use.name}" for use in code.uses if use.name not in given)


def refused_options(project: Project) -> Iterator[str]:
    """What definitions ask for beyond retries, timeouts and names."""
    bundle, manifest = load_bundle(project.bundle.path), project.bundle.manifest
    places = places_in(manifest)
    for step in bundle.activities.values():
        given = {"check": step.options.check, "rate_limit": step.options.rate_limit}
        given |= {"compensate": step.options.compensate, "irreversible": step.options.irreversible}
        place = places[step.__name__]
        yield from (f"{place}: {step.name} has {option}=" for option, value in given.items() if value)
        yield from (f"{place}: {reason}" for reason in tables(step))
    for flow in bundle.workflows.values():
        place = places[flow.__name__]
        yield from (f"{place}: {flow.name} has {option}=" for option in ("budget", "partial") if getattr(flow, option))
        yield from (f"{place}: {reason}" for reason in tables(flow))
    yield from children(manifest)


def places_in(manifest: Manifest) -> dict[str, CellLocation]:
    """The cell and line of each definition by its function."""
    return {
        one.function: CellLocation(cell_id=one.cell_id, cell_number=one.cell_number, line=one.line)
        for one in (*manifest.activities, *manifest.workflows)
    }


def tables(definition: Activity[Any, Any] | Workflow[Any, Any]) -> Iterator[str]:
    """The values of a definition that plain JSON can't be."""
    for name, hint in definition.hints.items():
        if str(getattr(hint, "__module__", "")).partition(".")[0] in TABLES:
            what = "gives" if name == "return" else f"takes {name}, "
            yield f"{definition.name} {what} a {hint.__name__}, which travels by our converter"


def children(manifest: Manifest) -> Iterator[str]:
    """The workflows that another one awaits."""
    functions, places = {workflow.function for workflow in manifest.workflows}, places_in(manifest)
    for workflow in manifest.workflows:
        for name in workflow.activities:
            if name in functions:
                yield f"{places[workflow.function]}: {workflow.name} starts the run {name}"


def rewritten(code: Code, file: str) -> str:
    """A source whose names of ours come from the package's own module."""
    return edited(code.texts[file], edits_of_ours(code.trees[file], "." * (file.count("/") + 1)))
