"""House rules that nobody should have to review: sizes, names, and what must not stand in the repository."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("jupyter_workflows", "benchmarks", "chaos", "notebooks")
    for path in (ROOT / folder).rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = 600
LONGEST_FUNCTION = 60
DRAWERS = {"utils", "util", "helpers", "core", "common", "base", "manager", "misc"}

# Where packages come from is each machine's own affair; `home` directories belong to somebody's machine.
REGISTRY = re.compile(
    r"https?://(?:registry|files|deb|pypi)\.[^\s\"')]+|https?://[^\s\"')]+(?:/simple\b|\.whl\b|\.tgz\b)"
)
MACHINE_PATH = re.compile(r"(?<![\w.{$~-])/(?:home|Users|root|work)/[A-Za-z0-9_.-]+/")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked_texts() -> list[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    texts: list[tuple[str, str]] = []
    for name in filter(None, listed.decode().split("\0")):
        try:
            texts.append((name, (ROOT / name).read_text(encoding="utf-8")))
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue
    return texts


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_file_is_short_enough_to_read(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_fit_on_a_screen(path: Path):
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {f"{node.name}, line {node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: size for name, size in long.items() if size > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_module_is_named_after_its_subject(path: Path):
    assert DRAWERS.isdisjoint(part.removesuffix(".py").strip("_") for part in path.relative_to(ROOT).parts)


def test_repository_names_no_registry_host_and_no_machine_path():
    # This file holds the patterns themselves.
    found = [
        f"{name}: {match.group(0)}"
        for name, text in tracked_texts()
        if name != "tests/test_house_rules.py"
        for pattern in (REGISTRY, MACHINE_PATH)
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_modules_postpone_the_evaluation_of_annotations():
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in SOURCES}
    eager = [
        name for name, text in texts.items() if "import" in text and "from __future__ import annotations" not in text
    ]
    assert eager == []
