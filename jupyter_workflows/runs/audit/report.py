"""The report of an audit file: what a reviewer or a regulator reads, on a screen or on paper.

It is a reading of the file and proves nothing by itself; the file does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..untrusted import human_seconds
from .chain import SIGNATURE
from .report_page import as_gone, block, facts, items, mapping, moment, money, page, section, sign, table, tag, words
from .report_parts import (
    Body,
    File,
    code,
    decisions,
    failure_words,
    model_call,
    signatures,
    step_box,
    timeline,
)
from .verdict import Verdict

NOTE = "This page is a reading of the audit file, and proves nothing by itself: check the file."
COMMAND = "jupyter workflows audit verify FILE"
MOST_BOXES = 300


def render_report(records: Sequence[dict[str, Any]], *, checked: Verdict | None) -> str:
    """The report as one HTML document: no script, nothing loaded, everything foreign escaped.

    Args:
        records: The records of the file, as far as they could be read.
        checked: What a check of the file found; None where it was written a moment ago.
    """
    file = File(records)
    head = file.first("audit")
    title = f"{head.get('workflow') or 'Run'}: {head.get('run') or 'unknown'}"
    return page(
        f"Audit of {title}",
        f'<p class="muted">Audit report of a workflow run</p><h1>{words(head.get("workflow"), 120)}</h1>'
        f'<p class="mono">{words(head.get("run"), 200)}</p>',
        standing(file, checked),
        section("Summary", summary(file)),
        section("Decisions", decisions(file)),
        section("Timeline", table(["time (UTC)", "what", "who", "outcome"], timeline(file))),
        section("Model calls", *map(model_call, file.all("model_call")[:MOST_BOXES]), more(file, "model_call")),
        section("Steps", *map(step_box, file.all("step", "signal")[:MOST_BOXES]), more(file, "step", "signal")),
        section("Code", *map(code, file.all("code"))),
        section("Signatures", signatures(file)),
    )


def more(file: File, *types: str) -> str:
    """Says how many are in the file alone."""
    left = len(file.all(*types)) - MOST_BOXES
    return f'<p class="muted">{left:,} more in the file</p>' if left > 0 else ""


def standing(file: File, checked: Verdict | None) -> str:
    """Whether the file holds, in words."""
    signed = file.last(SIGNATURE)
    who = f"{words(signed.get('signed_by'), 80)}, key {words(signed.get('key_id'), 16)}"
    how = f'<br><span class="muted">{NOTE} <span class="mono">{COMMAND}</span></span>'
    if checked is None:
        return sign("run", f"Signed by <b>{who}</b>.", how)
    if not checked.intact:
        found = "".join(f"<li>{words(problem, 300)}</li>" for problem in checked.problems)
        return sign("fail", f"<b>The file is not what was signed.</b><ul>{found}</ul>What follows may be forged.")
    remarks = "".join(f"<li>{words(remark, 300)}</li>" for remark in checked.remarks)
    told = f"<ul>{remarks}</ul>" if remarks else ""
    if not checked.trusted:
        return sign("wait", f"The file is whole, and signed by <b>{who}</b>, which was not known to the checker.", told)
    return sign("ok", f"<b>Checked:</b> as signed by <b>{who}</b> ({words(checked.trusted)}).", told, how)


def summary(file: File) -> str:
    """The run in a few facts."""
    head, start, end = file.first("audit"), file.first("start"), file.last("end")
    executions = [body for body in file.all("execution") if not body.get("missing")]
    first, last = (executions[0], executions[-1]) if executions else ({}, {})
    calls, steps = file.all("model_call"), file.all("step", "model_call")
    retried = sum(step["retries"] for step in steps if isinstance(step.get("retries"), int))
    erased = ", ".join(map(str, items(head.get("erased_with_keys"))))
    code = file.last("code")
    return facts(
        [
            ("outcome", tag(head.get("status")) + (f" {words(end.get('reason'), 300)}" if end.get("reason") else "")),
            (
                "started",
                " by ".join(filter(None, [moment(first.get("started_at")), words(starter(start, first), 120)])),
            ),
            ("forked from", words(mapping(start.get("forked")).get("id"), 200)),
            ("ended", moment(last.get("closed_at"))),
            ("took", took(first.get("started_at"), last.get("closed_at"))),
            ("notebook", words(first.get("notebook"))),
            ("executions", f"{len(executions)}{resumptions(file)}" if len(executions) > 1 else ""),
            ("steps", f"{len(steps)}, of them {len(calls)} by a model; retries: {retried}"),
            ("people's acts", str(len(file.all("act")))),
            (
                "models",
                words(", ".join(sorted({str(call.get("answered_by") or call.get("asked_model")) for call in calls}))),
            ),
            ("used", used(mapping(head.get("usage")))),
            ("code", f'<span class="mono">{words(code.get("digest") or code.get("bundle"), 64)}</span>'),
            ("values", "as hashes" if head.get("values") == "hashes" else "in full"),
            ("erased", f"values encrypted with {words(erased)}: the key was destroyed" if erased else ""),
            ("failure", failure_words(end.get("failure"))),
            ("arguments", as_gone_or_block(items(start.get("arguments")))),
            ("result", as_gone_or_block(end.get("result"))),
        ]
    )


def as_gone_or_block(value: object) -> str:
    """A value, or what stands for it; a list of one is that one."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return as_gone(only) or (block(only) if only not in (None, []) else "")  # pyright: ignore[reportUnknownArgumentType]


def starter(start: Body, execution: Body) -> object:
    """Who started the run: as a signature says, else as Temporal was told."""
    return start.get("by") or execution.get("starter") or start.get("identity")


def took(start: object, end: object) -> str:
    """The time between two moments."""
    try:
        return human_seconds((datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds())
    except (ValueError, TypeError):
        return ""


def resumptions(file: File) -> str:
    """Who had the run go on from where."""
    told = [
        f"resumed by {words(body.get('by'), 80)} from {words(body.get('from_step') or 'the failed step', 80)}"
        for body in file.all("resumed")
    ]
    return f": {'; '.join(told)}" if told else ""


def used(usage: Body) -> str:
    """What model calls took."""
    if not usage.get("calls"):
        return ""
    cost = money(usage.get("cost"))
    price = f"cost {cost}" if cost else "cost unknown: no price table"
    calls = usage.get("calls")
    return words(
        f"{calls} call{'' if calls == 1 else 's'}, {usage.get('input_tokens', 0)} tokens in, "
        f"{usage.get('output_tokens', 0)} out, {price}"
    )
