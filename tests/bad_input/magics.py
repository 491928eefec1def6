"""Magics that are given what they can't work with."""

from __future__ import annotations

from .mistake import mistake

WORKING = "async def working(a: int = 1) -> int:\n    return a"

MISTAKES = [
    mistake("workflow cell without a body", "%%workflow\n"),
    mistake("workflow cell without a function", "%%workflow\nx = 1"),
    mistake("workflow cell with a plain function", "%%workflow\ndef review(): ..."),
    mistake("workflow cell with two candidates", "%%workflow\nasync def one(): ...\nasync def two(): ..."),
    mistake("workflow cell with an unknown option", f"%%workflow --strat\n{WORKING}"),
    mistake("workflow cell with two names", f"%%workflow one two\n{WORKING}"),
    mistake("workflow cell that starts with no JSON", f"%%workflow --start contract\n{WORKING}"),
    mistake("workflow cell that starts with broken JSON", f"%%workflow --start {{'a': }}\n{WORKING}"),
    mistake("workflow cell with an id and no start", f"%%workflow --id once\n{WORKING}"),
    mistake("workflow cell that lints and starts", f"%%workflow --lint --start\n{WORKING}"),
    mistake("workflow cell with a wrong if-exists", f"%%workflow --start --if-exists replace\n{WORKING}"),
    mistake(
        "workflow cell that names another function",
        "%%workflow reveiw\n@workflow\nasync def review(): ...",
    ),
    mistake("workflow cell with an open quote", f"%%workflow --start '{{\n{WORKING}"),
    mistake("workflow cell that captures nothing", f"%%workflow --capture no_model\n{WORKING}"),
    mistake("workflow cell with a syntax error", "%%workflow\nasync def broken(a:\n    return a"),
    mistake("workflow cell whose own code fails", "%%workflow\nlimit = 1 / 0\nasync def late(): ..."),
    mistake("activity cell without a function", "%%activity\nx = 1"),
    mistake("activity cell without a body", "%%activity --retry 3\n"),
    mistake("activity cell with a wrong time", "%%activity --timeout 5 minutes\ndef load(): ..."),
    mistake("activity cell with a wrong number", "%%activity --retry often\ndef load(): ..."),
    mistake("activity cell with negative attempts", "%%activity --retry -2\ndef load(): ..."),
    mistake("activity cell with a wrong rate", "%%activity --rate-limit fast\ndef load(): ..."),
    mistake("activity cell with one name for two", "%%activity --name x\ndef one(): ...\ndef two(): ..."),
    mistake("line with an unknown subcommand", "%workflow strat working"),
    mistake("line with an unknown option", "%workflow runs --stats failed"),
    mistake("line with a missing argument", "%workflow show"),
    mistake("line with one argument too many", "%workflow show one two"),
    mistake("line with an unknown status", "%workflow runs --status fialed"),
    mistake("line with a wrong time", "%workflow runs --since yesterday"),
    mistake("line with a wrong limit", "%workflow runs --limit all"),
    mistake("line that serves in a notebook", "%workflow worker ."),
    mistake("line that starts an unknown workflow", "%workflow start no_such_workflow"),
    mistake("line that lints an unknown workflow", "%workflow lint no_such_workflow"),
    mistake("line that wants an unknown bundle", "%workflow bundle no_such_workflow"),
    mistake("line that approves with no JSON", "%workflow approve some-run --form yes"),
]
