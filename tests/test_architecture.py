"""The layers of the package: imports go down only, and a worker needs nothing of the notebook side."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jupyter_workflows"

RANKS = {
    "errors": 0,
    "schema": 0,
    "security": 1,
    "telemetry": 1,
    "payloads": 1,
    "tokens": 1,
    "authoring": 2,
    "plugin": 3,
    "connection": 4,
    "testing": 4,
    "ai": 5,
    "notebook": 5,
    "runs": 5,
    "worker": 6,
    "local": 7,
    "live": 7,
    "replay": 6,
    "durable": 8,
    "widgets": 8,
    "session": 8,
    "export": 9,
    "publish": 9,
    "scheduling": 9,
    "commands": 10,
    "magics": 11,
    "cli": 11,
    "server": 11,
    "deployment": 12,
    "__init__": 13,
}

DEPLOYED = (
    "",
    ".errors",
    ".schema",
    ".authoring",
    ".security",
    ".telemetry",
    ".payloads",
    ".tokens",
    ".plugin",
    ".connection",
    ".ai",
    ".worker",
    ".runs.client",
    ".deployment",
)

NOTEBOOK_SIDE = (
    "IPython", "anywidget", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core", "jupyter_server", "jupyterlab",
    "nbclient", "nbformat", "pandas", "plotly", "psutil", "pyarrow", "traitlets",
)  # fmt: skip

# Imported when a call is made: the client takes a second or two.
CLIENTS = ("mistralai", "httpx2", "mcp", "xllamacpp")

BLOCKED_IMPORTS = """
import importlib, sys

BLOCKED = set({blocked!r})

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked: not part of the deployed set)", name=name)
        return None

sys.meta_path.insert(0, Absent())
importlib.import_module({module!r})
"""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node` but those of `if TYPE_CHECKING:` blocks, which import nothing when run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from runtime_nodes(child)


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and part of the package for each import that `path` makes from the package."""
    package = ("jupyter_workflows", *path.relative_to(PACKAGE).parent.parts)
    for node in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = package[: len(package) - node.level + 1] if node.level else ()
            base = (*prefix, *(node.module.split(".") if node.module else ()))
            targets = [base] if len(base) > 1 else [(*base, alias.name) for alias in node.names]
        else:
            continue
        yield from (
            (node.lineno, target[1]) for target in targets if target[0] == "jupyter_workflows" and len(target) > 1
        )


def test_every_part_has_a_rank():
    assert {part_of(path) for path in modules()} <= set(RANKS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path):
    part = part_of(path)
    wrong = [
        f"line {line}: {part} (rank {RANKS[part]}) imports {target} (rank {RANKS[target]})"
        for line, target in imported_parts(path)
        if target in RANKS and target != part and RANKS[target] >= RANKS[part]
    ]
    assert not wrong


@pytest.mark.parametrize("module", DEPLOYED)
def test_deployed_set_imports_without_the_notebook_side(module: str):
    code = BLOCKED_IMPORTS.format(blocked=(*NOTEBOOK_SIDE, *CLIENTS), module=f"jupyter_workflows{module}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
