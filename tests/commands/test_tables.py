"""Tables and facts fit the page, whatever stands in them."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_workflows.commands.tables import Cell, Facts, Page, Several, Table, columns_of, document, wrap
from jupyter_workflows.commands.texts import Preformatted

TITLES = ["run", "question", "state"]


def table(*rows: list[Cell | str | None]) -> Table:
    return Table(TITLES, rows, "no runs", flexible=["question"], wrapped=["question"])


@given(st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), max_size=4), st.integers(40, 120))
def test_no_line_of_a_table_is_wider_than_the_page(rows: list[list[str]], width: int):
    lines = table(*rows).text(Page(width)).split("\n")  # pyright: ignore[reportArgumentType]
    assert max(columns_of(line) for line in lines) <= width


@given(st.text(max_size=300), st.integers(40, 120))
@example("0000000\x1f\x1f\x1f\x1f\x1f\x08\x08\x08ᄀ", 40)
def test_no_line_of_a_laid_out_text_is_wider_than_the_page(content: str, width: int):
    assert max(columns_of(line) for line in Preformatted(content).text(Page(width)).split("\n")) <= width


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Mn", "Me"]), max_size=200),
    st.integers(10, 60),
)
def test_wrapping_loses_no_word(text: str, width: int):
    assert "".join(wrap(text, width)).replace(" ", "") == text.replace(" ", "")


def test_table_aligns_columns_and_gives_way_where_it_may():
    shown = table(["run-1", "May contract C-17 be signed?", Cell("open", "waiting")], ["r", "short", None])
    assert shown.text(Page(30)) == (
        "run    question          state\nrun-1  May contract      open\n       C-17 be signed?\nr      short"
    )


def test_empty_table_says_so():
    assert table().text(Page()) == "no runs"


def test_colours_are_there_only_where_the_page_shows_them():
    row = table(["r", "q", Cell("failed", "bad")])
    assert "\x1b[31mfailed\x1b[0m" in row.text(Page(80, colour=True))
    assert "\x1b" not in row.text(Page(80))


def test_escape_sequences_of_others_do_not_reach_the_terminal():
    shown = table(["\x1b[2Jr", "a\nb", "\u202eevil"]).text(Page(80))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.split("\n")) == 2


def test_facts_leave_out_what_is_unknown_and_wrap_what_is_long():
    facts = Facts("the run", [("home", "/x"), ("problem", None), ("reason", "a b c d e f g h i j k l m n o p q r s t")])
    assert facts.text(Page(40)) == (
        "the run\n  home    /x\n  reason  a b c d e f g h i j k l m n o\n          p q r s t"
    )


def test_html_is_escaped():
    hostile = "<img src=x onerror=alert(1)>"
    shown = Several(
        [table([hostile, hostile, Cell(hostile, "bad")]), Facts(hostile, [(hostile, hostile)], note=hostile)]
    )
    assert "<img" not in document(shown)
    assert "<script" not in document(shown)
