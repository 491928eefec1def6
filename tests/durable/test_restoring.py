"""Run all after a crash: finished cells are restored, the rest runs."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import eventually

from .conftest import Open

CELLS = 15
KILLED_AT = 12


def counting_cells(log: Path) -> list[str]:
    """Cells that each read the one before and note that they run."""
    return [
        f"""%%durable
with open({str(log)!r}, "a") as file:
    print({number}, file=file)
value_{number} = {{"number": {number}, "sum": {number} + {f'value_{number - 1}["sum"]' if number > 1 else "0"}}}
print("cell", {number})
value_{number}"""
        for number in range(1, CELLS + 1)
    ]


def test_cells_that_were_finished_when_the_kernel_was_killed_are_restored_and_the_rest_runs(
    open_notebook: Open, tmp_path: Path
):
    log = tmp_path / "effects.log"
    cells = counting_cells(log)
    endless = cells[KILLED_AT - 1] + "\nimport time\nwhile True:\n    time.sleep(0.05)"
    notebook = open_notebook()
    notebook.run_all(cells[: KILLED_AT - 1])
    notebook.send(endless, f"cell-{KILLED_AT}")
    assert eventually(lambda: log.read_text().split()[-1] == str(KILLED_AT))
    notebook.kill()
    log.unlink()

    again = open_notebook()
    shown = again.run_all(cells)

    assert "".join(each.error for each in shown) == ""
    assert [each.restored for each in shown] == [True] * (KILLED_AT - 1) + [False] * (CELLS - KILLED_AT + 1)
    assert log.read_text().split() == [str(number) for number in range(KILLED_AT, CELLS + 1)]
    assert [each.printed for each in shown] == [f"cell {number}\n" for number in range(1, CELLS + 1)]
    assert again.value(f"value_{CELLS}") == {"number": CELLS, "sum": sum(range(CELLS + 1))}
    assert "its code has changed" not in "".join(shown[KILLED_AT - 1].notes)


def test_a_changed_cell_and_those_that_read_what_it_gives_run_again_and_say_why(open_notebook: Open):
    notebook = open_notebook()
    cells = ["%%durable\nrate = 2", "%%durable\nprice = 10 * rate", "%%durable\nother = 5"]
    notebook.run_all(cells)

    same = notebook.run_all(cells)
    changed = notebook.run_all(["%%durable\nrate = 3", *cells[1:]])

    assert [each.restored for each in same] == [True, True, True]
    assert [each.restored for each in changed] == [False, False, True]
    assert changed[0].notes == ["▸ runs: its code has changed"]
    assert changed[1].notes == ["▸ runs: its input `rate` has another value"]
    assert notebook.value("price") == 30


def test_comments_and_layout_do_not_make_a_cell_run_again(open_notebook: Open):
    notebook = open_notebook()
    notebook.cell("%%durable\nrate=2", "cell")
    assert notebook.cell("%%durable\n# per year\nrate = (2)\n", "cell").restored
