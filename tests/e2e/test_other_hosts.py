"""The widget in hosts that are not Jupyter's, as far as their contract can be played here.

A host gives anywidget's module as text, a model with five functions and an element; it has none of JupyterLab's colours
and a policy as tight as anywidget itself can work under. VS Code's webviews name their theme by a class of the body;
Colab draws each output in a frame of its own, whose origin is nobody's.
"""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_workflows.widgets.host import STATIC

from . import stories
from .bare_page import written
from .test_components import AXE

ADDRESS = "http://host.test/"
# anywidget imports a module from a blob and puts its style into the page; nothing else is allowed.
POLICY = "default-src 'none'; script-src blob: 'unsafe-eval'; style-src 'unsafe-inline'"
BODIES = {
    "vscode-dark": '<body class="vscode-dark" style="background:#1f1f1f;color:#ccc">',
    "vscode-light": '<body class="vscode-light" style="background:#fff;color:#3b3b3b">',
    "colab": '<body style="background:#fff">',
}
# How the parts of a message that are bytes come: VS Code and Jupyter give a DataView.
BYTES = {
    "vscode-dark": "bytes => new DataView(bytes.buffer)",
    "vscode-light": "bytes => bytes",
    "colab": "bytes => bytes.buffer",
}
HOST = """async ([esm, css, traits, given]) => {
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
    const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const widget = (await import(url)).default;
    URL.revokeObjectURL(url);
    const handlers = new Set();
    const asGiven = eval(given);
    window.sent = [];
    const offered = {
        get: name => traits[name],
        on: (event, handler) => event === "msg:custom" && handlers.add(handler),
        off: (event, handler) => handlers.delete(handler),
        send: content => content.text && window.sent.push(JSON.parse(content.text)),
        save_changes: () => undefined,
    };
    const model = new Proxy(offered, {
        get(target, name) {
            if (!(name in target)) throw new Error(`this host has no model.${String(name)}`);
            return target[name];
        },
    });
    const el = document.body.appendChild(document.createElement("div"));
    const stop = await widget.render({ model, el });
    window.tell = (text, buffers) => {
        const bytes = buffers.map(each => asGiven(Uint8Array.from(atob(each), c => c.charCodeAt(0))));
        for (const handler of handlers) handler({ text }, bytes);
    };
    window.leave = () => (stop(), el.childElementCount);
}"""
SERIOUS = """async () => (await axe.run(".jwl", { resultTypes: ["violations"] })).violations
    .filter(each => ["serious", "critical"].includes(each.impact)).map(each => [each.id, each.nodes[0].html])"""


def opened(page: Any, host: str) -> tuple[Any, list[str]]:
    """A host's page, or the frame in it; and what went wrong in it."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    html = f'<!doctype html><html lang="en"><head><title>{host}</title></head>{BODIES[host]}</body></html>'
    frame = '<!doctype html><iframe sandbox="allow-scripts" src="/output" width="900" height="800"></iframe>'
    outer = {"content-type": "text/html"}
    page.route(f"{ADDRESS}favicon.ico", lambda route: route.fulfill(status=204))
    page.route(
        ADDRESS,
        lambda route: route.fulfill(body=frame if host == "colab" else html, headers=outer | policy(host != "colab")),
    )
    page.route(f"{ADDRESS}output", lambda route: route.fulfill(body=html, headers=outer | policy(True)))
    page.goto(ADDRESS)
    if host != "colab":
        return page, wrong
    page.frame_locator("iframe").locator("body").wait_for(state="attached")
    return page.frames[1], wrong


def policy(tight: bool) -> dict[str, str]:
    return {"content-security-policy": POLICY} if tight else {}


@pytest.mark.parametrize("host", BODIES)
def test_a_host_that_knows_only_anywidget_shows_a_run_and_decides(page: Any, host: str):
    place, wrong = opened(page, host)
    code, style = ((STATIC / name).read_text(encoding="utf-8") for name in ("widget.js", "widget.css"))
    place.evaluate(HOST, [code, style, {"kind": "run", "topic": stories.TOPIC}, BYTES[host]])
    assert place.evaluate("() => window.sent[0].type") == "follow"
    for telling in stories.waiting_run():
        place.evaluate("parts => window.tell(...parts)", list(written(telling)))
    view = place.locator(".jwl")
    view.locator(".jwl-timeline-box[data-painted]").wait_for()
    ground = view.evaluate("view => getComputedStyle(view).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(ground[:3]) < 60) == (host == "vscode-dark")
    place.evaluate(AXE.read_text(encoding="utf-8"))
    assert place.evaluate(SERIOUS) == []
    view.get_by_label("Accept the risk").check()
    view.get_by_label("Level").select_option("medium")
    view.get_by_role("button", name="Approve").click()
    place.wait_for_function("() => window.sent.some(each => each.type === 'decide')")
    for telling in stories.finished_run():
        text, buffers = written(telling)
        place.evaluate("parts => window.tell(...parts)", [text.replace('"number": 0', '"number": 1', 1), buffers])
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for()
    assert place.evaluate("() => window.leave()") == 0
    assert wrong == []
