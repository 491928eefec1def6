"""The look of static output: one style sheet, light and dark, and the icons.

In Jupyter the theme's `--jp-*` variables decide; anywhere else the fallbacks here do, by the system's preference.
Every class starts with `jw`, so that the sheet touches nothing else on the page.
"""

from __future__ import annotations

LIGHT = """--jw-ok:#1a7f37;--jw-run:#0969da;--jw-wait:#9a6700;--jw-fail:#cf222e;--jw-off:#6e7781;
--jw-ok-soft:#dafbe1;--jw-run-soft:#ddf4ff;--jw-wait-soft:#fff4ce;--jw-fail-soft:#ffebe9;--jw-off-soft:#eaeef2;
--jw-idle:#d0d7de"""
DARK = """--jw-ok:#3fb950;--jw-run:#58a6ff;--jw-wait:#d8a230;--jw-fail:#ff7b72;--jw-off:#9198a1;
--jw-ok-soft:#12361f;--jw-run-soft:#12304f;--jw-wait-soft:#3a2d0e;--jw-fail-soft:#471d1c;--jw-off-soft:#2b3036;
--jw-idle:#3d444d"""
LIGHT_GROUND = "--jw-text:#1f2328;--jw-muted:#59636e;--jw-line:#d1d9e0;--jw-ground:#fff;--jw-raised:#f6f8fa"
DARK_GROUND = "--jw-text:#e6edf3;--jw-muted:#9198a1;--jw-line:#3d444d;--jw-ground:#0d1117;--jw-raised:#161b22"
JUPYTER_GROUND = (
    "--jw-text:var(--jp-content-font-color1,inherit);--jw-muted:var(--jp-content-font-color2,#777);"
    "--jw-line:var(--jp-border-color2,#8884);--jw-ground:var(--jp-layout-color0,transparent);"
    "--jw-raised:var(--jp-layout-color1,#8881)"
)

STYLE = f"""
.jw{{{LIGHT};{LIGHT_GROUND};color:var(--jw-text);background:var(--jw-ground);border:1px solid var(--jw-line);
border-radius:8px;max-width:960px;margin:4px 0;overflow:hidden;line-height:1.45;font-size:13px;
font-family:var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif);text-align:left}}
@media (prefers-color-scheme:dark){{body:not([data-jp-theme-light]):not(.vscode-light) .jw{{{DARK};{DARK_GROUND}}}}}
[data-jp-theme-light] .jw{{{JUPYTER_GROUND}}}
[data-jp-theme-light="false"] .jw,.vscode-dark .jw,.vscode-high-contrast .jw{{{DARK}}}
.vscode-dark .jw,.vscode-high-contrast .jw{{{DARK_GROUND}}}
.jw *{{box-sizing:border-box}}
.jw-box{{container-type:inline-size}}
.jw-mono{{font-family:var(--jp-code-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas,monospace);font-size:12px}}
.jw-muted{{color:var(--jw-muted)}}
.jw-any{{overflow-wrap:anywhere;unicode-bidi:isolate}}
.jw-head{{display:flex;flex-wrap:wrap;align-items:center;gap:4px 10px;padding:10px 14px;background:var(--jw-raised);
border-bottom:1px solid var(--jw-line)}}
.jw-title{{font-weight:600;font-size:14px}}
.jw-right{{margin-left:auto;color:var(--jw-muted)}}
.jw-pill{{display:inline-flex;align-items:center;gap:5px;padding:1px 9px 1px 6px;border-radius:99px;font-weight:600;
font-size:12px;white-space:nowrap;color:var(--c);background:var(--s)}}
.jw svg.jw-icon{{width:14px;height:14px;flex:none;color:var(--c);vertical-align:-2px}}
.jw-ok{{--c:var(--jw-ok);--s:var(--jw-ok-soft)}}.jw-run{{--c:var(--jw-run);--s:var(--jw-run-soft)}}
.jw-wait{{--c:var(--jw-wait);--s:var(--jw-wait-soft)}}.jw-fail{{--c:var(--jw-fail);--s:var(--jw-fail-soft)}}
.jw-off{{--c:var(--jw-off);--s:var(--jw-off-soft)}}
.jw table.jw-grid{{width:100%;border-collapse:collapse;border:0;margin:0;table-layout:fixed;font-size:13px;
color:inherit;display:table}}
.jw table.jw-grid tr,.jw table.jw-grid tr:nth-child(odd),.jw table.jw-grid tr:hover{{background:none}}
.jw table.jw-grid th,.jw table.jw-grid td{{border:0;padding:5px 8px;text-align:left;vertical-align:middle;
background:none;max-width:none}}
.jw table.jw-grid th{{font-weight:500;color:var(--jw-muted);font-size:12px;border-bottom:1px solid var(--jw-line)}}
.jw table.jw-grid th:first-child,.jw table.jw-grid td:first-child{{padding-left:14px}}
.jw table.jw-grid th:last-child,.jw table.jw-grid td:last-child{{padding-right:14px}}
.jw table.jw-rows tr+tr td{{border-top:1px solid var(--jw-line)}}
.jw-name{{display:flex;align-items:center;gap:6px;min-width:0}}
.jw-name .jw-any{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
.jw td.jw-lane{{position:relative}}
.jw-gap{{position:absolute;top:0;bottom:0;left:8px;right:8px;pointer-events:none}}
.jw-gap i{{position:absolute;top:0;bottom:0;opacity:.5;
background:repeating-linear-gradient(115deg,transparent 0 4px,var(--jw-idle) 4px 5px)}}
.jw td.jw-took,.jw th.jw-took{{text-align:right!important;white-space:nowrap;font-variant-numeric:tabular-nums}}
.jw tr.jw-more td{{padding-top:0!important;padding-bottom:7px!important}}
.jw tr.jw-more td>div{{padding-left:22px}}
.jw svg.jw-bars{{display:block;position:relative;width:100%;height:16px;overflow:visible}}
.jw-bars rect.jw-bar{{fill:var(--c)}}
.jw-bars rect.jw-queue{{fill:var(--c);opacity:.35}}
.jw-bars rect.jw-held{{fill:var(--s);stroke:var(--c);stroke-width:1}}
.jw-bars rect.jw-again{{fill:var(--jw-fail);opacity:.75}}
.jw-bars circle{{fill:var(--c)}}
.jw time{{white-space:nowrap}}
.jw-axis{{position:relative;height:15px;font-size:11px;font-weight:400;white-space:nowrap}}
.jw-axis span{{position:absolute;top:0;transform:translateX(-50%)}}
.jw-axis span:first-child{{transform:none}}.jw-axis span.jw-last{{transform:translateX(-100%)}}
.jw-note{{margin:8px 14px;padding:8px 12px;border-left:3px solid var(--c);border-radius:4px;background:var(--s);
overflow-wrap:anywhere}}
.jw-note b{{font-weight:600}}
.jw-said{{unicode-bidi:isolate;overflow-wrap:anywhere;white-space:pre-wrap}}
div.jw-said{{max-height:22em;overflow:auto}}
.jw-code{{display:block;margin:5px 0 0;padding:6px 9px;border-radius:4px;background:var(--jw-ground);
color:var(--jw-text);border:1px solid var(--jw-line);white-space:pre-wrap;overflow-wrap:anywhere;max-height:22em;
overflow:auto}}
.jw details{{margin:0;padding:6px 14px;border-top:1px solid var(--jw-line)}}
.jw-note details{{padding:4px 0 0;border:0}}
.jw summary{{cursor:pointer;color:var(--jw-muted);font-size:12px}}
.jw-foot{{padding:8px 14px;border-top:1px solid var(--jw-line);overflow-wrap:anywhere}}
.jw-progress{{display:inline-block;width:80px;height:6px;margin-right:8px;border-radius:3px;
  background:var(--jw-off-soft);overflow:hidden;vertical-align:middle}}
.jw-progress>span{{display:block;height:100%;background:currentColor}}
.jw-tag{{display:inline-block;padding:0 6px;border-radius:4px;background:var(--jw-off-soft);font-size:11px;
line-height:17px;white-space:nowrap}}
.jw-flow{{display:flex;flex-wrap:wrap;gap:5px 6px;align-items:center;padding:10px 14px}}
.jw-chip{{padding:2px 9px;border:1px solid var(--jw-line);border-radius:6px;background:var(--jw-raised)}}
.jw .jw-table td{{padding:2px 10px 2px 0;border:0;background:none;text-align:left;vertical-align:top}}
.jw .jw-table td.jw-mono{{min-width:9em}}
.jw-gone,.jw-new{{padding:0 4px;border-radius:3px}}.jw-gone{{color:var(--jw-fail);background:var(--jw-fail-soft)}}
.jw-new{{color:var(--jw-ok);background:var(--jw-ok-soft)}}
.jw summary .jw-mono{{color:var(--jw-text)}}.jw-tag.jw-wait{{color:var(--c);background:var(--s)}}
.jw-empty{{padding:16px;text-align:center;color:var(--jw-muted)}}
@container (max-width:600px){{.jw-right{{margin-left:0;width:100%}}.jw .jw-wide{{display:none}}
.jw table.jw-steps tr.jw-step{{display:grid;grid-template-columns:1fr auto}}
.jw table.jw-steps td.jw-lane,.jw table.jw-steps th.jw-lane{{grid-column:1/3;grid-row:2;padding:0 14px 4px}}
.jw table.jw-steps td.jw-lane .jw-gap{{left:14px;right:14px}}
.jw table.jw-steps thead th{{border-bottom:0}}.jw table.jw-steps thead{{border-bottom:1px solid var(--jw-line)}}
.jw table.jw-steps tr.jw-more{{display:block}}.jw table.jw-steps tr.jw-more td{{display:block}}}}
@media print{{.jw{{break-inside:avoid}}.jw-code{{max-height:none}}}}
""".replace("\n", "")

# Status or severity -> tone: one of the five colours, never the only sign.
TONES = {
    "running": "run",
    "scheduled": "off",
    "retrying": "wait",
    "waiting": "wait",
    "completed": "ok",
    "approved": "ok",
    "rejected": "fail",
    "failed": "fail",
    "error": "fail",
    "timed_out": "fail",
    "cancelled": "off",
    "terminated": "off",
    "continued_as_new": "run",
    "open": "wait",
    "undone": "run",
    "warning": "wait",
    "workflow": "run",
}

STROKE = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
RING = f'<circle cx="8" cy="8" r="6.2" {STROKE}/>'
CHECK = f'<path d="M3.2 8.6l3 3 6.6-7" {STROKE}/>'
CROSS = f'<path d="M4 4l8 8M12 4l-8 8" {STROKE}/>'
CLOCK = f'{RING}<path d="M8 4.6V8l2.4 1.6" {STROKE}/>'
PLAY = '<path d="M4.5 2.8v10.4l8.6-5.2z" fill="currentColor"/>'
AGAIN = f'<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3h-3" {STROKE}/>'
BARRED = f'{RING}<path d="M3.8 12.2l8.4-8.4" {STROKE}/>'
PERSON = f'<circle cx="8" cy="5" r="2.6" {STROKE}/><path d="M2.8 14c.4-3 2.5-4.6 5.2-4.6s4.8 1.6 5.2 4.6" {STROKE}/>'
SQUARE = '<rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor"/>'
ONWARD = f'<path d="M2.5 8h10M9 4.2L12.8 8 9 11.8" {STROKE}/>'
BACK = f'<path d="M6 3L2.6 6.4 6 9.8M3 6.4h6.2a3.6 3.6 0 0 1 0 7.2H6.4" {STROKE}/>'
FLOW = (
    f'<circle cx="3.6" cy="4" r="2" {STROKE}/><circle cx="12.4" cy="12" r="2" {STROKE}/>'
    f'<path d="M5.8 4h3.4a2 2 0 0 1 2 2v3.6" {STROKE}/>'
)
SIGN = f'<path d="M8 2.6v7" {STROKE}/><circle cx="8" cy="13" r="1.3" fill="currentColor"/>'

ICONS = {
    "running": PLAY,
    "scheduled": RING,
    "retrying": AGAIN,
    "waiting": CLOCK,
    "completed": CHECK,
    "approved": CHECK,
    "rejected": CROSS,
    "failed": CROSS,
    "error": CROSS,
    "timed_out": CLOCK,
    "cancelled": BARRED,
    "terminated": SQUARE,
    "continued_as_new": ONWARD,
    "open": PERSON,
    "undone": BACK,
    "warning": SIGN,
    "workflow": FLOW,
}
