"""Every code that users can meet is documented, and every documented code exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_workflows.notebook.diagnostics import RULES, Findings, Rule

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"JW\d{3}")
REFERENCE = (ROOT / "docs" / "reference" / "diagnostics.md").read_text(encoding="utf-8")
ROWS = {
    row[0].split()[0]: row
    for line in REFERENCE.splitlines()
    if CODE.match(line.removeprefix("| "))
    for row in [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]]
}


def as_documented(template: str) -> str:
    return re.sub(r"\{(\w+)\}", r"*\1*", template).replace("|", "\\|")


def test_codes_of_the_package_are_those_of_the_reference():
    used = {
        code for path in (ROOT / "jupyter_workflows").rglob("*.py") for code in CODE.findall(path.read_text("utf-8"))
    }
    assert used == set(ROWS)


def test_each_code_means_one_thing():
    codes = re.findall(r"^\| (JW\d{3})", REFERENCE, re.MULTILINE)
    assert sorted(set(codes)) == sorted(codes)


def test_each_row_says_what_why_what_to_do_and_an_instance():
    assert [code for code, row in ROWS.items() if len(row) != 5 or not all(row)] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_reference_has_the_words_of_the_rule(rule: Rule):
    code, message, _, remedy, _ = ROWS[rule.code]
    assert message == as_documented(rule.message)
    assert remedy == as_documented(rule.remedy)
    assert ("*warning*" in code) == (rule.severity == "warning")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_rule_is_used(rule: Rule):
    names = {
        name
        for name, value in vars(__import__("jupyter_workflows.notebook.diagnostics", fromlist=["x"])).items()
        if value is rule
    }
    sources = [path.read_text("utf-8") for path in (ROOT / "jupyter_workflows" / "notebook").glob("*.py")]
    assert any(f"rules.{name}" in source for name in names for source in sources)


def test_same_finding_at_the_same_place_is_told_once():
    findings = Findings()
    for _ in range(3):
        findings.add(RULES["JW101"], None, name="x")
    assert [found.message for found in findings.all] == ["x is not defined"]
