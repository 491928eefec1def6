"""What a definition of a bundle does, as a digest: over its own text and all that it reads, and nothing else.

Two bundles whose activity has one digest run the same code for it, whatever else was edited between them. Comments,
layout and docstrings do not count.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cached_property
from pathlib import Path

from ..schema import Manifest

MODULES = ("models", "activities", "workflows")
# By these names workflow code may read a clock, chance, or how long its history is.
MORE_THAN_STEPS = {"temporalio", "time", "history_is_long", "get_running_loop", "get_event_loop"}


class BundleBehaviour:
    """The definitions of a bundle on disk; nothing of it is imported.

    Args:
        path: The bundle's directory.

    Raises:
        OSError: It is not there.
        ValueError: Its manifest is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = Manifest.model_validate_json((path / "manifest.json").read_bytes())
        self.known: dict[str, str | None] = {}

    def of_activity(self, name: str) -> str | None:
        """The digest of an activity; None where the bundle has none of this name."""
        function = next((found.function for found in self.manifest.activities if found.name == name), None)
        return self.of_name(function) if function else None

    def of_workflow(self, name: str) -> str | None:
        """The digest of a workflow with all activities it names; None where the bundle has none of this name."""
        function = next((found.function for found in self.manifest.workflows if found.name == name), None)
        return self.of_name(function, whole_activities=False) if function else None

    def of_child(self, name: str) -> str | None:
        """The digest of a workflow with all that it runs; None where the bundle has none of this name."""
        function = next((found.function for found in self.manifest.workflows if found.name == name), None)
        return self.of_name(function) if function else None

    def asks_more_than_steps(self, name: str) -> bool:
        """Whether the code of a workflow may see more than what its steps give, such as a clock; not known is yes.

        It sees a clock, chance or the length of its history by Temporal's own module, by the event loop, by
        `history_is_long`, or by a module of the notebook's directory, which is not looked into.
        """
        function = next((found.function for found in self.manifest.workflows if found.name == name), None)
        if function not in self.statements:
            return True
        shown = self.reached(function, whole_activities=False).values()
        parts = [part for nodes in shown for node in nodes for part in ast.walk(node)]
        imports = [part for part in parts if isinstance(part, ast.Import | ast.ImportFrom)]
        return any(seen_in(part) & MORE_THAN_STEPS for part in parts) or any(
            getattr(part, "level", 0) or reads_local(part, self.manifest) for part in imports
        )

    def of_name(self, name: str, *, whole_activities: bool = True) -> str | None:
        """The digest of what a name of the bundle means.

        Args:
            name: The function's own name.
            whole_activities: Whether the bodies of activities count. For workflow code they do not: it sees their
                options, their signatures, and what was recorded of them.
        """
        if name not in self.statements:
            return None
        total = hashlib.sha256()
        for current, nodes in sorted(self.reached(name, whole_activities=whole_activities).items()):
            for node in nodes:
                total.update(f"\n{current} {ast.dump(without_docstring(node))}".encode())
            total.update(self.attached(current).encode())
        return total.hexdigest()

    def reached(self, name: str, *, whole_activities: bool) -> dict[str, list[ast.stmt]]:
        """What counts of the statements that bind a name, and all names that they read in turn."""
        found: dict[str, list[ast.stmt]] = {}
        waiting = {name}
        while waiting:
            current = waiting.pop()
            found[current] = self.shown(current, whole_activities=whole_activities)
            for node in found[current]:
                waiting |= (names_in(node) & self.statements.keys()) - found.keys()
        return found

    def shown(self, name: str, *, whole_activities: bool) -> list[ast.stmt]:
        """What of the statements that bind a name counts."""
        return [
            node if whole_activities or module != "activities" else without_body(node)
            for module, node in self.statements.get(name, ())
        ]

    def attached(self, name: str) -> str:
        """What a name stands for besides its text: a captured value, or modules of the notebook's directory."""
        manifest = self.manifest
        text = manifest.captured.get(name, "")
        imports = [node for _, node in self.statements.get(name, ()) if isinstance(node, ast.Import | ast.ImportFrom)]
        if manifest.local_modules and any(getattr(node, "level", 0) or reads_local(node, manifest) for node in imports):
            # Local modules import one another: a change in any of them counts for whoever reads one.
            text += " ".join(f"{module} {digest}" for module, digest in sorted(manifest.local_modules.items()))
        return text

    @cached_property
    def statements(self) -> dict[str, list[tuple[str, ast.stmt]]]:
        """The statements that bind each name, in all modules; imports between the modules are left out."""
        found: dict[str, list[tuple[str, ast.stmt]]] = {}
        for module in MODULES:
            file = self.path / f"{module}.py"
            if not file.exists():
                continue
            for node in ast.parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.ImportFrom) and node.level and node.module in MODULES:
                    continue
                for name in bound_by(node):
                    found.setdefault(name, []).append((module, node))
        return found


def bound_by(node: ast.stmt) -> set[str]:
    """The names a statement of a module binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def names_in(node: ast.stmt) -> set[str]:
    """The names a statement reads, those in annotations written as text included."""
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            found.add(part.value)
    return found


def without_body(node: ast.stmt) -> ast.stmt:
    """A function's head: its decorators and signature; other statements as they are."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        kind = type(node)
        fields = {name: value for name, value in ast.iter_fields(node) if name != "body"}
        return kind(**fields, body=[ast.Pass()])
    return node


def without_docstring(node: ast.stmt) -> ast.stmt:
    """The statement without the docstring of what it defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False):
        kind = type(node)
        fields = {name: value for name, value in ast.iter_fields(node) if name != "body"}
        return kind(**fields, body=node.body[1:] or [ast.Pass()])
    return node


def reads_local(node: ast.stmt, manifest: Manifest) -> bool:
    """Whether an import reads a module of the notebook's directory."""
    return bool(packages_of(node) & {name.partition(".")[0] for name in manifest.local_modules})


def packages_of(node: ast.stmt) -> set[str]:
    """The packages of what an import reads."""
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and node.module:
        modules = [node.module]
    return {module.partition(".")[0] for module in modules}


def seen_in(part: ast.AST) -> set[str]:
    """The names by which a part of code reads something: of a variable, an attribute, or what it imports."""
    if isinstance(part, ast.Name):
        return {part.id}
    if isinstance(part, ast.Attribute):
        return {part.attr}
    if isinstance(part, ast.Import | ast.ImportFrom):
        return packages_of(part) | {alias.name for alias in part.names}
    return set()
