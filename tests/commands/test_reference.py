"""The page on commands names all there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_workflows.commands.subcommands import DECISION, SUBCOMMANDS
from jupyter_workflows.magics.options import PARSERS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", SUBCOMMANDS, ids=lambda command: command.name)
def test_page_names_each_subcommand_with_its_options(command):
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{command.name}"))
    for option in command.options:
        if command.name != "reject" or option not in DECISION:
            metavar = option.settings.get("metavar")
            assert option.flags[0] in line or (metavar and metavar in line)


@pytest.mark.parametrize("magic", PARSERS)
def test_page_names_each_option_of_a_cell_magic(magic: str):
    section = PAGE.partition(f"## `%%{magic}")[2].partition("\n## ")[0]
    flags = [flag for action in PARSERS[magic]()._actions for flag in action.option_strings if flag.startswith("--")]
    assert [flag for flag in flags if flag != "--help" and flag not in section] == []
