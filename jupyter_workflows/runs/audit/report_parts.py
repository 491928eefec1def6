"""The chapters of an audit report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .chain import SIGNATURE
from .report_page import as_gone, block, box, facts, items, labelled, mapping, moment, money, table, tag, words

Body = dict[str, Any]


class File:
    """The records of a file by their types."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.records = [(str(record.get("type")), mapping(record.get("body"))) for record in records]
        self.last_hash = str(records[-1].get("hash", "")) if records else ""

    def all(self, *types: str) -> list[Body]:
        """All bodies of records of these types, in order."""
        return [body for kind, body in self.records if kind in types]

    def first(self, type: str) -> Body:
        """The first body of a type; an empty one where there is none."""
        return next(iter(self.all(type)), Body())

    def last(self, type: str) -> Body:
        """The last body of a type; an empty one where there is none."""
        return next(iter(self.all(type)[::-1]), Body())


def failure_words(value: object) -> str:
    """A failure in a sentence, escaped."""
    failure = mapping(value)
    if not failure:
        return ""
    message = failure.get("message")
    told = as_gone(message) or words(message, 600)
    return f"{words(failure.get('type'), 80)}: {told}"


def decisions(file: File) -> str:
    """Each question to people: what was shown, who said what, what came of it."""
    boxes: list[str] = []
    for approval in file.all("approval"):
        name = approval.get("approval")
        changes = [
            mapping(body.get("changed")) for body in file.all("approval_changed") if body.get("approval") == name
        ]
        acts = [body for body in file.all("act") if mapping(body.get("act")).get("approval") == name]
        boxes.append(decision_box(approval, changes, acts))
    return "".join(boxes)


def decision_box(approval: Body, changes: Sequence[Body], acts: Sequence[Body]) -> str:
    """One question to people."""
    if "erased" in approval:
        return box(f"<p>{as_gone({'erased': approval['erased']})}</p>")
    shown = mapping(approval.get("shown"))
    final: Body = {}
    for change in changes:
        final |= change
    asked: object = approval.get("asked")
    who = ", ".join(map(str, items(asked))) or asked
    fits = "is that of what was shown" if approval.get("shown_hash_fits") else "could not be worked out anew"
    edits = [
        [words(edit.get("path") or "/", 120), block(edit.get("before")), block(edit.get("after"))]
        for edit in map(mapping, items(final.get("edits")))
    ]
    return box(
        f"<h3>{words(approval.get('approval'), 80)} {tag(final.get('status') or 'open')}</h3>",
        block(shown.get("message")),
        facts(
            [
                ("asked", words(who) or "anybody"),
                ("opened", moment(approval.get("at"))),
                ("until", moment(shown.get("due_at"))),
                ("decided", " by ".join(filter(None, [moment(final.get("decided_at")), words(final.get("by"), 120)]))),
                ("rules", words(rules(shown))),
                ("hash", f'<span class="mono">{words(approval.get("content_hash"), 64)}</span> {fits}'),
            ]
        ),
        labelled("shown for editing", shown.get("editable")) if shown.get("has_editable") else "",
        table(["time (UTC)", "who", "said", "comment", "signed with"], [act_row(act) for act in acts]),
        labelled("form", final.get("form")),
        table(["edited", "before", "after"], edits),
        long=True,
    )


def rules(shown: Body) -> str:
    """Who has to agree."""
    told = [f"{shown['quorum']} have to approve"] if isinstance(shown.get("quorum"), int) else []
    told += ["whoever started the run may not approve"] if shown.get("four_eyes") else []
    return "; ".join(told)


def act_row(body: Body) -> list[str]:
    """What one person did."""
    act = mapping(body.get("act"))
    said = act.get("verdict") or body.get("kind")
    more = act.get("comment") or act.get("text") or (f"to {act['to']}" if act.get("to") else "")
    kept = f" ({words(body.get('kept'), 80)})" if body.get("kept") else ""
    key = f'<span class="mono">{words(body.get("key_id"), 16)}</span>'
    return [moment(body.get("at")), words(body.get("by"), 120), tag(said) + kept, words(more, 2_000), key]


def timeline(file: File) -> list[list[str]]:
    """Everything in the order in which it came to be."""
    return [row for kind, body in file.records if (tell := ROWS.get(kind)) for row in [tell(body)]]


def step_row(body: Body) -> list[str]:
    """A step, when it had ended."""
    newest = items(body.get("attempts"))[-1:]
    worker = mapping(newest[0]).get("worker") if newest else None
    return [
        moment(body.get("finished_at") or body.get("scheduled_at")),
        words(body.get("id"), 120),
        words(worker, 80),
        outcome(body),
    ]


def outcome(body: Body) -> str:
    """How a step ended, after how many attempts."""
    retries = body.get("retries")
    again = f" after {retries + 1} attempts" if isinstance(retries, int) and retries else ""
    failure = failure_words(body.get("failure"))
    return f"{tag(body.get('status'))}{again}{f' {failure}' if failure else ''}"


def plain_row(what: str, *who: str, told: Callable[[Body], str] = lambda _: "") -> Callable[[Body], list[str]]:
    """A row that says one thing; `who` are the fields that may name who did it."""

    def row(body: Body) -> list[str]:
        by = next((words(body.get(name), 120) for name in who if body.get(name)), "")
        return [moment(body.get("at")), what, by, told(body)]

    return row


def execution_row(body: Body) -> list[str]:
    """An execution begins."""
    told = f'execution <span class="mono">{words(body.get("run_id"), 40)}</span>'
    if body.get("missing"):
        return ["", told, "", words(body.get("missing"), 200)]
    kept = len(items(mapping(body.get("resumed")).get("kept_steps")))
    return [moment(body.get("started_at")), told, "", f"goes on with {kept} steps of the one before" if kept else ""]


def act_line(body: Body) -> list[str]:
    """A person did something."""
    act = mapping(body.get("act"))
    said = tag(act.get("verdict") or act.get("deed") or body.get("kind"))
    about = words(act.get("approval"), 120)
    if act.get("schedule"):
        about = f"schedule {words(act['schedule'], 120)}"
    why = words(act.get("note"), 200)
    return [moment(body.get("at")), about, words(body.get("by"), 120), f"{said} {why}" if why else said]


ROWS: dict[str, Callable[[Body], list[str]]] = {
    "execution": execution_row,
    "start": plain_row("started", "by", "identity", told=lambda body: words(body.get("workflow"), 120)),
    "step": step_row,
    "signal": plain_row("signal", "identity", told=lambda body: words(body.get("name"), 120)),
    "model_call": step_row,
    "approval": plain_row("asked", told=lambda body: words(mapping(body.get("shown")).get("message") or "erased", 200)),
    "act": act_line,
    "cancel_requested": plain_row("asked to end", "identity", told=lambda body: words(body.get("reason"), 200)),
    "code_failed": plain_row(
        "the code could not go on", "worker", told=lambda body: failure_words(body.get("failure"))
    ),
    "resumed": plain_row(
        "goes on", "by", told=lambda body: f"from {words(body.get('from_step') or 'the failed step', 120)}"
    ),
    "rollback": plain_row("rolled back", told=lambda body: words(mapping(body.get("rollback")).get("reason"), 300)),
    "end": plain_row("ended", "identity", told=lambda body: tag(body.get("status"))),
}


def model_call(body: Body) -> str:
    """One model call: which model, how, what it was asked and answered."""
    model = body.get("answered_by") or body.get("asked_model")
    usage = mapping(body.get("usage"))
    return box(
        f"<h3>{words(body.get('id'), 120)} {tag(body.get('status'))}</h3>",
        facts(
            [
                ("model", words(model, 120)),
                ("asked for", words(body.get("asked_model"), 120) if body.get("asked_model") != model else ""),
                ("server", words(body.get("server"), 200)),
                ("ended", moment(body.get("finished_at"))),
                (
                    "tokens",
                    f"{words(usage.get('input_tokens'))} in, {words(usage.get('output_tokens'))} out" if usage else "",
                ),
                ("cost", money(usage.get("cost"))),
                ("finish reason", words(body.get("finish_reason"), 40)),
                ("attempts", attempts(body)),
                ("failure", failure_words(body.get("failure"))),
            ]
        ),
        labelled("parameters", body.get("parameters") or None),
        *prompt(body.get("prompt")),
        *answer(body.get("answer")),
        long=True,
    )


def prompt(value: object) -> list[str]:
    """What a model was asked: its messages one by one."""
    messages = [mapping(message) for message in items(value)]
    if not messages or not all("role" in message for message in messages):
        return [labelled("prompt", value)]
    return [
        labelled(str(message["role"])[:40], message.get("content") or message.get("tool_calls")) for message in messages
    ]


def answer(value: object) -> list[str]:
    """What it answered."""
    told = mapping(value)
    if as_gone(value) or not told:
        return [labelled("answer", value)]
    return [labelled("answer" if name == "text" else name.replace("_", " "), part) for name, part in told.items()]


def attempts(body: Body) -> str:
    """How often it was tried, and why the one before the last failed; empty for one attempt."""
    retries = body.get("retries")
    if not isinstance(retries, int) or not retries:
        return ""
    why = [failure_words(attempt.get("failure")) for attempt in map(mapping, items(body.get("attempts")))]
    told = [reason for reason in why if reason]
    return f"{retries + 1}" + (f"; the last failure: {told[-1]}" if told else "")


def step_box(body: Body) -> str:
    """One step: how it went, what it was given and gave."""
    kept = mapping(body.get("kept"))
    return box(
        f"<h3>{words(body.get('id'), 120)} {tag(body.get('status'))}</h3>",
        facts(
            [
                ("kind", words(body.get("kind"), 40)),
                ("ended", moment(body.get("finished_at"))),
                ("attempts", attempts(body)),
                ("failure", failure_words(body.get("failure"))),
                ("child run", words(body.get("child_run"), 200)),
                ("undoes", words(body.get("undoes"), 120)),
                ("irreversible", "nothing can undo it" if body.get("irreversible") else ""),
                ("replaced by", words(kept.get("replaced_by"), 120)),
                ("model calls", words(mapping(body.get("usage")).get("calls"))),
            ]
        ),
        labelled("given", only(body.get("input"))),
        labelled("gave", body.get("output")),
        long=True,
    )


def only(value: object) -> object:
    """The one item of a list of one; nothing for an empty one."""
    found = items(value)
    return (found[0] if len(found) == 1 else found or None) if isinstance(value, list) else value


def code(body: Body) -> str:
    """A bundle: its digest, packages, and the source of each cell's part."""
    head = facts(
        [
            ("digest", f'<span class="mono">{words(body.get("digest") or body.get("bundle"), 64)}</span>'),
            ("behaviour", f'<span class="mono">{words(body.get("behaviour_digest"), 64)}</span>'),
            ("python", words(body.get("python"), 40)),
            (
                "packages",
                words(", ".join(f"{name} {version}" for name, version in mapping(body.get("packages")).items()), 4_000),
            ),
            (
                "captured",
                words(", ".join(f"{name} {digest}" for name, digest in mapping(body.get("captured")).items()), 4_000),
            ),
            ("missing", words(body.get("missing"))),
        ]
    )
    files = mapping(body.get("files"))
    told: list[str] = []
    for part in map(mapping, items(body.get("cells"))):
        source = str(mapping(files.get(str(part.get("file")))).get("source", "")).split("\n")
        first, last = part.get("start_line"), part.get("end_line")
        if isinstance(first, int) and isinstance(last, int):
            told.append(labelled(str(part.get("name")), "\n".join(source[max(0, first - 1) : last]) or None))
    return box(head, *told, long=True)


def signatures(file: File) -> str:
    """Whose keys signed what, and the end of the chain."""
    signed = file.last(SIGNATURE)
    acts = [body for body in file.all("act", "start") if body.get("key_id")]
    rows = [
        [
            words(body.get("kind"), 40),
            words(body.get("by"), 120),
            f'<span class="mono">{words(body.get("key_id"), 16)}</span>',
        ]
        for body in acts
    ]
    return table(["act", "who", "signed with"], rows) + facts(
        [
            ("file signed by", words(signed.get("signed_by"), 120)),
            ("fingerprint", f'<span class="mono">{words(signed.get("fingerprint"), 64)}</span>'),
            ("records", words(signed.get("records"))),
            ("last hash", f'<span class="mono">{words(file.last_hash, 64)}</span>'),
            ("signature", f'<span class="mono">{words(signed.get("signature"), 88)}</span>'),
        ]
    )
