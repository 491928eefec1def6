"""The magics in real kernels: cells run as the user wrote them, and then become workflows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

from jupyter_workflows.local.paths import Home
from tests.bad_input.mistake import plain
from tests.kernels import errors, printed, run_cells

LOAD = "%load_ext jupyter_workflows"
STEPS = """
from jupyter_workflows import activity, workflow

async def load(contract: str) -> str:
    return contract.upper()

@activity
def assess(text: str) -> dict:
    return {"text": text, "risk": 0.2}
""".strip("\n")
REVIEW = """
async def review(contract: str) -> dict:
    "Reviews a contract."
    text = await load(contract)
    return await assess(text)
""".strip("\n")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that start no runtime by themselves."""
    monkeypatch.setenv("JUPYTER_WORKFLOWS_WARM", "0")


def results(cell: nbformat.NotebookNode) -> list[str]:
    """The values that a cell displayed as its own."""
    return [item.data["text/plain"] for item in cell.outputs if item.output_type == "execute_result"]


def displayed(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell displayed besides."""
    return [item.data["text/plain"] for item in cell.outputs if item.output_type == "display_data"]


def shown_error(cell: nbformat.NotebookNode) -> str:
    """The error of a cell as the notebook shows it, without colours."""
    return next(plain(item.traceback) for item in cell.outputs if item.output_type == "error")


def run(cells: Sequence[str], home: Home, folder: Path, may_raise: Sequence[int] = ()) -> list[nbformat.NotebookNode]:
    """Runs cells in a kernel of their own."""
    return run_cells(cells, home=home.data, folder=folder, may_raise=may_raise).cells


def test_workflow_cell_runs_as_any_cell_and_shows_a_card(quiet: None, own_home: Home, tmp_path: Path):
    cells = run(
        [
            LOAD,
            STEPS,
            f"%%workflow\nimport asyncio\nx = await asyncio.sleep(0.01, result=20)\n{REVIEW}\nx + 1",
            "type(review).__name__, type(load).__name__, review.name, x",
            f"%%workflow contract-review\nfrom __future__ import annotations\n{REVIEW};",
            "review.name",
            f"%%workflow\n# says the same\n{REVIEW}",
            f"%%workflow\n# says the same\n{REVIEW}",
            f"%%workflow --lint\n{REVIEW}",
            f"%%time\n%%workflow\n{REVIEW}",
            "%%workflow --help\nnever = 1 / 0",
            "get_ipython().run_cell_magic('workflow', 'again', 'async def once_more(a: int) -> int:\\n    return a')",
            "once_more.name",
        ],
        own_home,
        tmp_path,
    )
    assert results(cells[2]) == ["21"]
    card = displayed(cells[2])[0]
    assert card.startswith("workflow review(contract: str) -> dict\n  does    Reviews a contract.\n")
    assert "steps   load [2] → assess [2]" in card
    assert re.search(r"bundle  [0-9a-f]{12}", card)
    assert results(cells[3]) == ["('Workflow', 'function', 'review', 20)"]
    assert results(cells[5]) == ["'contract-review'"]
    assert "only comments or layout have changed: it behaves as before" in displayed(cells[6])[0]
    assert "unchanged since it was last bundled" in displayed(cells[7])[0]
    assert displayed(cells[8]) == ["✓ review can run outside the notebook"]
    assert displayed(cells[9])[0].startswith("workflow review(")
    assert "usage: %%workflow" in displayed(cells[10])[0]
    assert results(cells[12]) == ["'again'"]
    html = next(item.data["text/html"] for item in cells[2].outputs if item.output_type == "display_data")
    assert "review" in html
    assert "<script" not in html


def test_workflow_cell_starts_a_run_and_returns_at_once(own_home: Home, tmp_path: Path):
    cells = run(
        [
            LOAD,
            f"%%activity --retry 5 --timeout 10m\n{STEPS}",
            f'%%workflow --start {{"contract": "c 17"}} --id first\n{REVIEW}',
            "import jupyter_workflows\nawait jupyter_workflows.get_run('first')",
            "load.options.retry.max_attempts, str(load.options.timeout), assess.options.retry",
            f"%%workflow --start {{'contract': 'c 18'}} --id first --if-exists attach\n{REVIEW}",
            "run = %workflow show first",
            "run.id, run.status",
            "data = %workflow runs --json",
            "[(item['id'], item['status']) for item in data]",
            "%workflow status",
            '%workflow start review ["c 19"] --id second',
            "await jupyter_workflows.get_run('second')",
            "path = %workflow bundle review --json",
            "print(open(path['path'] + '/activities.py').read())",
        ],
        own_home,
        tmp_path,
    )
    assert displayed(cells[2])[0].startswith("workflow review(")
    assert "review · first" in displayed(cells[2])[1]
    assert results(cells[3]) == ["{'text': 'C 17', 'risk': 0.2}"]
    assert results(cells[4]) == ["(5, '0:10:00', None)"]
    assert results(cells[7]) == ["('first', 'completed')"]
    assert results(cells[9]) == ["[('first', 'completed')]"]
    assert results(cells[10])[0].startswith("✓ the embedded runtime is up")
    assert results(cells[12]) == ["{'text': 'C 19', 'risk': 0.2}"]
    source = printed(cells[14])
    assert "@activity(retry=RetryPolicy(max_attempts=5), timeout=timeout(seconds=600))\nasync def load(" in source
    assert "@activity\ndef assess(" in source


def test_cells_from_before_the_extension_count(quiet: None, own_home: Home, tmp_path: Path):
    cells = run(
        [
            STEPS,
            f"{LOAD}\nlimit = 3",
            "%%workflow\nasync def late(contract: str) -> str:\n    return await load(contract) * limit",
            "%unload_ext jupyter_workflows",
            "%%workflow\nasync def never(): ...",
            LOAD,
            f"%%workflow\n{REVIEW}",
        ],
        own_home,
        tmp_path,
        may_raise=[4],
    )
    assert "steps   load [1]" in displayed(cells[2])[0]
    assert errors_of(cells) == {}
    assert "UsageError: Cell magic `%%workflow` not found." in "".join(
        item.text for item in cells[4].outputs if item.output_type == "stream"
    )
    assert displayed(cells[6])[0].startswith("workflow review(")


def errors_of(cells: Sequence[nbformat.NotebookNode]) -> dict[int, str]:
    """Index of each cell that raised, and the exception's name."""
    return errors(nbformat.v4.new_notebook(cells=list(cells)))


def test_error_shows_the_users_line_and_nothing_of_ours(quiet: None, own_home: Home, tmp_path: Path):
    cells = run(
        [
            LOAD,
            "from jupyter_workflows import activity, workflow, parallel_map\nlimit = 3",
            "# above\n@workflow\ndef review():\n    ...",
            "@activity\ndef divide(x):\n    return 1 / x",
            "def twice(x):\n    return divide(x) * 2\n\ntwice(0)",
            "await parallel_map(divide, [1, 0])",
            "%%workflow --start [\n\nasync def broken():\n    return missing",
            "%%workflow\nasync def broken(:\n    ...",
            "%%workflow\nlimit = 1 / 0\nasync def late(): ...",
            "try:\n    divide(0)\nexcept ZeroDivisionError as error:\n    raise ValueError('no') from error",
            "%workflow show",
            "import jupyter_workflows.magics.cells",
            "jupyter_workflows.magics.cells.finish(1, 2)",
            "%tb",
        ],
        own_home,
        tmp_path,
        may_raise=range(2, 14),
    )
    assert shown_error(cells[2]) == (
        "AuthoringError: JW416: @workflow needs an `async def`, and review is not one: write `async def review(...)`\n"
        "\n"
        "Cell In[3], line 2\n"
        "      1 # above\n"
        "----> 2 @workflow\n"
        "      3 def review():\n"
        "      4     ..."
    )
    plainly = shown_error(cells[4])
    assert re.findall(r"^(?:Cell|File).*", plainly, re.MULTILINE) == [
        "Cell In[5], line 4",
        "Cell In[5], line 2, in twice(x)",
        "Cell In[4], line 3, in divide(x)",
    ]
    group = shown_error(cells[5])
    assert "ZeroDivisionError: division by zero" in group
    assert shown_error(cells[6]).startswith("CommandError: start takes JSON, and '[' is none")
    assert "In[8], line 2" in shown_error(cells[7])
    assert "SyntaxError" in shown_error(cells[7])
    assert "----> 2 limit = 1 / 0" in shown_error(cells[8])
    assert "1 # %%workflow" in shown_error(cells[8])
    assert "The above exception was the direct cause" in shown_error(cells[9])
    assert shown_error(cells[10]).endswith("----> 1 %workflow show")
    for cell in cells[2:]:
        assert not re.search(r"jupyter_workflows[/\\]\w", "".join(map(json.dumps, cell.outputs)))


def test_lines_complete_and_have_help(own_home: Home, tmp_path: Path):
    complete = """
from IPython.core.completer import provisionalcompleter

def complete(text):
    with provisionalcompleter():
        return [item.text for item in get_ipython().Completer.completions(text, len(text))]
"""
    cells = run(
        [
            LOAD,
            complete.strip("\n"),
            STEPS,
            f'%%workflow --start ["c"] --id a-run\n{REVIEW}',
            "import jupyter_workflows\njupyter_workflows.get_run('a-run').result(30)",
            "complete('%workflow s')",
            "complete('%workflow show a')",
            "complete('x = %workflow show a')",
            "complete('%workflow show a-run --f')",
            "complete('%workflow start re')",
            "complete('%workflow runs --status f')",
            "complete('%workflow cancel ')",
            "complete('%%workflow --s')",
            "complete('%%workflow --if-exists a')",
            "complete('%%activity --r')",
            "'os' in complete('%%workflow\\nimport o')",
            "%workflow show --help",
            "%workflow?",
            "%%workflow?",
            "print(get_ipython().find_line_magic('workflow').__doc__[:40])",
            "print(get_ipython().find_cell_magic('activity').__doc__[:40])",
        ],
        own_home,
        tmp_path,
    )
    assert [results(cell)[0] for cell in cells[5:16]] == [
        "['schedule', 'schedules', 'show', 'signal', 'start', 'status']",
        "['a-run']",
        "['a-run']",
        "['--follow']",
        "['review']",
        "['failed']",
        "['--debug', '--help', '--json', '--no-color']",
        "['--start']",
        "['attach']",
        "['--rate-limit', '--retry']",
        "True",
    ]
    assert results(cells[16])[0].startswith("usage: %workflow show")
    assert printed(cells[19]).startswith("usage: %workflow ")
    assert printed(cells[20]).startswith("usage: %%activity ")


def test_run_whose_worker_host_has_become_unavailable_is_ended_again(home: Home, tmp_path: Path):
    cells = [
        f"{LOAD}\nfrom jupyter_workflows import human_approval",
        "%%workflow\nasync def asking(question: str) -> bool:\n    return (await human_approval(question)).approved",
        """
from jupyter_workflows import get_run
from jupyter_workflows.errors import WorkerUnavailable
from jupyter_workflows.session import current

def refuse(bundle):
    raise WorkerUnavailable("no memory")

asking.start("first").terminate()
current().load = refuse
try:
    asking.options(id="second").start("second")
except WorkerUnavailable as error:
    print(error, get_run("second").status)
""",
    ]
    executed = run(cells, home, tmp_path)
    assert printed(executed[-1]).strip() == "no memory terminated"
