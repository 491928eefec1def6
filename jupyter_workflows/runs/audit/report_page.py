"""The page of an audit report: one style sheet for screen and paper, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, cast

from ..elements import line, text
from ..style import DARK, DARK_GROUND, LIGHT, LIGHT_GROUND

MOST_CHARACTERS = 20_000
MOST_ROWS = 2_000
MOST_MONEY = 1e12

STYLE = f"""
:root{{{LIGHT};{LIGHT_GROUND};color-scheme:light dark}}
@media screen and (prefers-color-scheme:dark){{:root{{{DARK};{DARK_GROUND}}}}}
*{{box-sizing:border-box}}
body{{margin:0;overflow-wrap:anywhere;background:var(--jw-ground);color:var(--jw-text);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}}
main{{max-width:940px;margin:0 auto;padding:32px 28px 64px}}
h1{{font-size:24px;line-height:1.25;margin:0 0 2px}}
h2{{font-size:17px;margin:36px 0 10px;padding-bottom:5px;border-bottom:1px solid var(--jw-line)}}
h3{{font-size:14px;margin:0 0 6px}}
p{{margin:0 0 8px}}
.muted{{color:var(--jw-muted)}}
.mono,pre{{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px}}
pre{{margin:4px 0 8px;padding:8px 10px;background:var(--jw-raised);border:1px solid var(--jw-line);border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:26em;overflow:auto}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;margin:0 0 8px}}
dt{{color:var(--jw-muted)}}
dd{{margin:0;min-width:0}}
table{{width:100%;border-collapse:collapse;font-size:13px}}
th{{text-align:left;font-weight:500;color:var(--jw-muted);font-size:12px}}
th,td{{min-width:6em;padding:5px 10px 5px 0;vertical-align:top}}
tr+tr td,thead+tbody tr td{{border-top:1px solid var(--jw-line)}}
.when{{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--jw-muted)}}
.box{{border:1px solid var(--jw-line);border-radius:8px;padding:12px 14px;margin:0 0 12px}}
.sign{{border-left:4px solid var(--c);background:var(--s);border-radius:4px;padding:9px 12px;margin:14px 0}}
.tag{{display:inline-block;padding:0 8px;border-radius:99px;font-weight:600;font-size:12px;color:var(--c);
background:var(--s)}}
.ok{{--c:var(--jw-ok);--s:var(--jw-ok-soft)}}.run{{--c:var(--jw-run);--s:var(--jw-run-soft)}}
.wait{{--c:var(--jw-wait);--s:var(--jw-wait-soft)}}.fail{{--c:var(--jw-fail);--s:var(--jw-fail-soft)}}
.off{{--c:var(--jw-off);--s:var(--jw-off-soft)}}
@media (max-width:600px){{main{{padding:18px 14px 40px}}dl{{grid-template-columns:1fr;gap:0}}dd{{margin-bottom:6px}}
table.stack thead{{display:none}}table.stack tr{{display:block;padding:6px 0;border-top:1px solid var(--jw-line)}}
table.stack td{{display:block;border:0!important;padding:1px 0}}.when{{white-space:normal}}}}
@page{{margin:18mm 16mm}}
@media print{{main{{max-width:none;padding:0}}pre{{max-height:none;overflow:visible}}h2{{break-after:avoid}}
body{{font-size:11px}}table,.mono,pre,.tag{{font-size:9.5px}}h1{{font-size:20px}}h2{{font-size:14px}}.box,tr{{break-inside:avoid}}.box.long{{break-inside:auto}}*{{print-color-adjust:exact}}}}
""".replace("\n", "")

STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
TONES = {
    "completed": "ok", "approved": "ok", "approve": "ok", "failed": "fail", "timed_out": "fail", "rejected": "fail",
    "reject": "fail", "running": "run", "continued_as_new": "run", "open": "wait", "waiting": "wait",
    "retrying": "wait",
}  # fmt: skip


def page(title: str, *parts: str) -> str:
    """The whole document."""
    policy = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{line(title, 120)}</title><style>{STYLE}</style></head><body>"
        f"<main>{''.join(parts)}</main></body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A chapter; nothing where it has no content."""
    content = "".join(parts)
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def box(*parts: str, long: bool = False) -> str:
    """A part that stays together on paper; a long one may be broken."""
    return f'<div class="box{" long" if long else ""}">{"".join(parts)}</div>'


def sign(tone: str, *parts: str) -> str:
    """A note that stands out."""
    return f'<div class="sign {tone}">{"".join(parts)}</div>'


def tag(word: object) -> str:
    """A status as a word on its colour."""
    told = str(word or "unknown")
    return f'<span class="tag {TONES.get(told, "off")}">{line(told.replace("_", " "), 40)}</span>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A list of facts, their values escaped already; empty ones are left out."""
    told = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows if value)
    return f"<dl>{told}</dl>" if told else ""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are escaped already; nothing where it has no row."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in (map(cell, row) for row in rows[:MOST_ROWS]))
    more = f'<p class="muted">{len(rows) - MOST_ROWS:,} more in the file</p>' if len(rows) > MOST_ROWS else ""
    return f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'


def cell(content: str) -> str:
    """A cell; a moment does not break."""
    kind = ' class="when"' if content.startswith("<time") else ""
    return f"<td{kind}>{content}</td>"


def words(value: object, limit: int = 400) -> str:
    """A text on one line, escaped; empty for nothing."""
    return line(value, limit) if value not in (None, "") else ""


def moment(value: object) -> str:
    """A moment as the file tells it, to the second."""
    told = str(value or "")
    shown = told[:19].replace("T", " ")
    return f'<time datetime="{line(told, 40)}">{line(shown, 19)}</time>' if told else ""


def block(value: object) -> str:
    """A value or a text as a block, escaped and bounded."""
    if value is None:
        return ""
    told = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    return f"<pre>{text(told, MOST_CHARACTERS)}</pre>"


def labelled(label: str, value: object) -> str:
    """A block under its name; nothing where there is no value."""
    whole = items(value) if value and all(map(as_gone, items(value))) else []
    gone = as_gone(value) or "<br>".join(map(as_gone, whole))
    if gone:
        return f'<p><span class="muted">{escape(label)}:</span> {gone}</p>'
    content = block(value)
    return f'<div class="muted">{escape(label)}</div>{content}' if content else ""


def money(cost: object) -> str:
    """A cost without an exponent, in the price table's currency; empty where it is not known."""
    known = isinstance(cost, (int, float)) and 0 <= cost < MOST_MONEY
    return f"{cost:,.8f}".rstrip("0").rstrip(".") if known else ""


def as_gone(value: object) -> str:
    """What stands for a value that is not in the file; empty for one that is."""
    if not isinstance(value, dict):
        return ""
    told = cast("dict[str, Any]", value)
    if set(told) == {"erased"}:
        return f"<b>erased</b>: the key {line(told['erased'], 80)} was destroyed"
    if set(told) == {"unreadable"}:
        return f"could not be read: {line(told['unreadable'], 200)}"
    if "sha256" in told and set(told) <= {"bytes", "encoding", "sha256", "vectors"}:
        size = f", {told['bytes']:,} bytes" if isinstance(told.get("bytes"), int) else ""
        return f'<span class="mono">SHA-256 {line(told["sha256"], 64)}</span>{size}'
    return ""


def mapping(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one: a file that was changed may hold anything."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []
