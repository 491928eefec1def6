"""The file that gives people their roles: what it says, and what is refused with its line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from jupyter_workflows.errors import NotPermitted, WorkspacesInvalid
from jupyter_workflows.security.rights import DECIDE, MANAGE, SEE_RUNS, START_RUNS, Right
from jupyter_workflows.security.workspaces import Person, WorkspacesFile

FILE = """
[groups]
risk = ["Bob", "cyd"]

[workspaces.research]
namespace = "research-7"
encryption = "required"
retention_days = 90
admin = ["ada"]
author = ["group:staff"]   # told by whoever signs people in
reviewer = ["group:Risk", "dan@company.com"]

[workspaces.open]
viewer = ["*"]
"""


def written(folder: Path, text: str, mode: int = 0o644) -> WorkspacesFile:
    path = folder / "workspaces.toml"
    path.write_text(text)
    path.chmod(mode)
    return WorkspacesFile(path)


DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["how-to/share-a-workspace.md", "reference/roles.md"])
def test_examples_of_the_documentation_are_files_that_count(tmp_path: Path, page: str):
    examples = EXAMPLE.findall((DOCS / page).read_text())
    assert examples
    found = [written(tmp_path, text).read() for text in examples]
    first = found[0]
    assert first is not None
    assert first.roles_of(Person("bob"), "research") == {"reviewer", "viewer"}
    assert first.roles_of(Person("eve", frozenset({"staff"})), "research") == {"author", "viewer"}
    assert all(each is not None and (each.workspaces or each.issuers) for each in found)


def test_people_have_the_roles_of_their_names_and_groups(tmp_path: Path):
    found = written(tmp_path, FILE).read()
    assert found is not None
    assert (found.workspaces["research-7"].encrypted, found.workspaces["research-7"].retention_days) == (True, 90)
    for person, roles in (
        (Person("ADA"), {"admin"}),
        (Person("bob"), {"reviewer"}),
        (Person("eve"), set()),
        (Person("eve", frozenset({"Staff"})), {"author"}),
        (Person("eve", frozenset({"staff", "risk"})), {"author", "reviewer"}),
        (Person("dan@Company.com"), {"reviewer"}),
        (Person("group:risk"), set()),
        (Person("*"), set()),
    ):
        assert found.roles_of(person, "research-7") == roles, person
    assert found.roles_of(Person("anybody"), "open") == {"viewer"}
    assert found.roles_of(Person("ada"), "elsewhere") == set()


def test_what_no_role_gives_is_refused_with_who_could(tmp_path: Path):
    found = written(tmp_path, FILE).read()
    assert found is not None
    found.check(Person("bob"), "research-7", DECIDE)
    found.check(Person("ada"), "research-7", Right("write", "somebody-elses:extension"))
    for person, right, words in (
        ("bob", START_RUNS, "bob is reviewer in workspace research and has no right to execute jupyter-workflows:work"),
        ("eve", SEE_RUNS, "eve is nobody in workspace research"),
        ("bob", MANAGE, "that takes admin, which"),
    ):
        with pytest.raises(NotPermitted, match=words):
            found.check(Person(person), "research-7", right)
    with pytest.raises(NotPermitted, match="the namespace default is no workspace"):
        found.check(Person("ada"), "default", SEE_RUNS)


WRONG = [
    ("[workspaces.a]\n\nadmin = 'ada'", "line 3: admin takes a list of names"),
    ("[workspaces.a]\nadmin = ['']", "line 2: '' in admin is no name"),
    ("[workspaces.a]\nadmin = ['group:']", "line 2: 'group:' in admin is no name"),
    ("[workspaces.a]\nadmin = [7]", "line 2: 7 in admin is no name"),
    ("[workspaces.b]\nadmin = []\n[workspaces.a]\nowner = ['ada']", "line 4: there is no role or setting 'owner'"),
    ("[workspaces.a]\nnamespace = ''", "line 2: namespace = '' is no name"),
    ("[workspaces.a]\n[workspaces.b]\nnamespace = 'a'", "line 3: two workspaces have the namespace a"),
    ("[workspaces.a]\nencryption = true", "line 2: encryption = True is neither"),
    ("[workspaces.a]\nretention_days = 0", "line 2: retention_days = 0 is no whole number"),
    ("[workspaces.a]\nbudget.day = { tokens = 0 }", "line 2: budget.day tokens = 0 is not a whole number above zero"),
    ("[workspaces.a]\n[workspaces.a.budget]\nweek = { cost = 1 }", "line 3: there is no budget of a 'week'"),
    ("[workspaces.a]\nbudget.run = 5", "line 2: budget.run = 5 bounds nothing"),
    ("[workspaces.a]\nbudget.run = { tokens = 1.5 }", "line 2: budget.run tokens = 1.5 is not a whole number"),
    ("[workspaces.a]\nbudget.run = { cost = inf }", "line 2: budget.run cost = inf is not a number above zero"),
    ("[workspaces.a]\nbudget.run = { calls = 1 }", "line 2: budget.run has no 'calls'"),
    ("[workspaces.a]\nbudget.run = { cost = 1 }", "a budget of money needs prices: write [workspaces.a.prices]"),
    ("[workspaces.a]\n[workspaces.a.prices]\nx = 3", "line 2: the price of 'x' is 3"),
    ("[workspaces.a.prices]\nx = { input = -1 }", "line 1: the price of 'x' input = -1 is no number from zero"),
    ("[workspaces.a]\nretention_days = 7\nbudget.month.tokens = 9", "line 2: retention_days = 7 is shorter than"),
    ("[workspaces.a]\nqueue = ''", "line 2: queue = '' is no name of a task queue"),
    ("[groups]\nrisk = ['group:staff']", "line 2: 'group:staff' in risk: a group has people in it"),
    ("[roles]\nadmin = ['ada']", "line 1: there is no 'roles'"),
    ("workspaces = 3", "line 1: workspaces is no table"),
    ("[workspaces]\na = 3", "line 2: a is no table: write [workspaces.a]"),
    ("[workspaces.a]\nadmin = ['ada'", "is no TOML"),
    ("[issuers.a]\nissuer = 'https://a.example'", "line 1: a lacks its audience"),
    ("[issuers.a]\nissuer = 'http://a.example'\naudience = 'x'", "line 2: issuer = 'http://a.example' begins"),
    ("[issuers.a]\naudience = 3", "line 2: audience = 3 is no text"),
    ("[issuers.a]\nsecret = 'x'", "line 2: there is no setting 'secret'"),
    ("x = " + "[" * 5_000, "is no TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_makes_no_sense_is_refused_with_its_line(tmp_path: Path, text: str, words: str):
    with pytest.raises(WorkspacesInvalid) as caught:
        written(tmp_path, text).read()
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_the_file_is_read_again_when_it_changes_and_closes_when_it_breaks(tmp_path: Path):
    file = written(tmp_path, FILE)
    first = file.read()
    assert file.read() is first
    written(tmp_path, FILE.replace('admin = ["ada"]', 'admin = ["eve"]'))
    changed = file.read()
    assert changed is not None
    assert changed.roles_of(Person("eve"), "research-7") == {"admin"}
    written(tmp_path, "[workspaces.a")
    for _ in range(2):
        with pytest.raises(WorkspacesInvalid):
            file.read()
    file.path.unlink()
    assert file.read() is None
    with pytest.raises(WorkspacesInvalid, match="is not there"):
        WorkspacesFile(file.path, required=True).read()


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_file_that_others_may_write_gives_no_roles(tmp_path: Path):
    for mode in (0o664, 0o646):
        with pytest.raises(WorkspacesInvalid, match="chmod go-w"):
            written(tmp_path, FILE, mode).read()
