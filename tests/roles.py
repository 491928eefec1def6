"""The tables of the page on roles."""

from __future__ import annotations

from pathlib import Path

from jupyter_workflows.security.rights import ROLES

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "roles.md"


def on_page(section: str) -> dict[str, set[str]]:
    """A table of the page: what a row is about, and the roles that may."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == len(ROLES), line
            assert set(cells) <= {"yes", ""}, line
            assert first.strip("`") not in found, line
            found[first.strip("`")] = {role for role, cell in zip(ROLES, cells, strict=True) if cell}
    assert found, section
    return found
