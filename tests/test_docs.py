"""The Python of the documentation runs: page by page, one block after the other, as a reader would.

A page that uses the extension or awaits at top level runs in a real kernel, any other page in this process. A comment
right above a block says what is special about it:

    <!-- raises: ApprovalRefused -->      the block ends in this exception
    <!-- not run: needs an S3 bucket -->  the block can't run here, and why
    <!-- run by: tests/a/test_b.py -->    a test of the page's own runs it, with what it needs
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import temporary_home
from tests.kernels import errors, run_cells

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*?) -->\n+)?^```python\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of Python on a page."""

    source: str
    line: int
    raises: str | None = None


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that run."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in BLOCK.finditer(text):
        kind, _, what = (match["note"] or "").partition(": ")
        if kind == "run by":
            assert page.name in (ROOT / what).read_text(encoding="utf-8")
        elif kind != "not run":
            line = text.count("\n", 0, match.start("source")) + 1
            found.append(Block(match["source"], line, what if kind == "raises" else None))
    return found


def needs_kernel(source: str) -> bool:
    """Whether a block has magics, or awaits outside of a function."""
    if re.search(r"^[%!]", source, re.MULTILINE):
        return True
    try:
        compile(source, "block", "exec")
    except SyntaxError:
        compile(source, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return True
    return False


PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if blocks(page)]


@pytest.fixture(scope="module")
def home_of_readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the pages alone: their workflows have names that tests use as well."""
    with temporary_home(tmp_path_factory.mktemp("readers")) as home:
        yield home.data


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_the_page_runs(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    todo = blocks(page)
    if any(needs_kernel(block.source) for block in todo):
        may_raise = [index for index, block in enumerate(todo) if block.raises]
        home = request.getfixturevalue("home_of_readers")
        done = run_cells([block.source for block in todo], home=home, folder=tmp_path, may_raise=may_raise)
        assert errors(done) == {index: todo[index].raises for index in may_raise}
        return
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in todo:
        code = compile("\n" * (block.line - 1) + block.source, str(page), "exec")
        if block.raises:
            with pytest.raises(Exception) as caught:  # noqa: PT011 - its name is compared
                exec(code, names)
            assert type(caught.value).__name__ == block.raises
        else:
            exec(code, names)


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_of_the_page_lead_somewhere(page: Path):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def linked_pages(page: Path) -> set[Path]:
    """The pages that a page links to."""
    targets = (page.parent / target for target in LINK.findall(page.read_text(encoding="utf-8")))
    return {target.resolve() for target in targets if target.suffix == ".md" and target.exists()}


def test_every_page_is_reached_from_the_readme():
    reached, todo = set(), {ROOT / "README.md"}
    while todo:
        page = todo.pop()
        reached.add(page)
        todo |= linked_pages(page) - reached
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions"}
    assert {str(page.relative_to(ROOT)) for page in pages - reached} == set()
