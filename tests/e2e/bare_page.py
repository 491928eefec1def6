"""The components on a page without Jupyter, under a policy that forbids inline script, fed by a test."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import wire_text
from jupyter_workflows.widgets.host import STATIC

from .hostile_views import View

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'none'; connect-src 'none'; base-uri 'none'"
STATIC_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Components</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/widget.css"><link rel="stylesheet" href="/page.css">
<script type="module" src="/host.js"></script></head><body><main id="root"></main></body></html>"""
PAGE_STYLE = "body{margin:16px;background:#fff} @media (prefers-color-scheme:dark){body{background:#0d1117}}"
# `show` draws a component as a widget's host would, each slot of the page with a channel of its own; `tell` plays the
# host's messages; `explore` shows several, opens what a reader may open, and tells what harm was done.
HOST = """
import view from "/view.js";
const slots = new Map();
const root = document.getElementById("root");
const frames = count => new Promise(done => {
  const next = left => left ? requestAnimationFrame(() => next(left - 1)) : setTimeout(done);
  next(count);
});
const until = async find => {
  for (let left = 300; left > 0; left--) {
    const found = find();
    if (found) return found;
    await frames(1);
  }
  throw new Error(`not shown: ${find}`);
};
window.sent = [];
window.show = async (kind, topic, slot = "view") => {
  const made = Object.assign(document.createElement("div"), { id: slot });
  const el = document.getElementById(slot) ?? root.appendChild(made);
  const traits = { kind, topic };
  const handlers = new Set();
  const sent = [];
  const model = {
    get: name => traits[name],
    // What has no text is sent only so that a kernel looks.
    send: ({ text }) => [sent, window.sent].forEach(each => text && each.push(JSON.parse(text))),
    on: (_, handler) => handlers.add(handler),
    off: (_, handler) => handlers.delete(handler),
  };
  slots.get(slot)?.stop();
  const stop = await view.render({ model, el });
  slots.set(slot, { el, handlers, sent, stop });
};
window.tell = (text, buffers, slot = "view") => {
  const views = buffers.map(each => new DataView(Uint8Array.from(atob(each), c => c.charCodeAt(0)).buffer));
  tellParts(text, views, slot);
};
window.tellParts = (text, views, slot = "view") => {
  for (const handler of slots.get(slot).handlers) handler({ text }, views);
};
const readDetails = async (slot, details) => {
  const { el, sent, handlers } = slots.get(slot);
  (await until(() => el.querySelector(".jwl-switch button:last-child"))).click();
  (await until(() => el.querySelector("tbody tr[tabindex]"))).click();
  const { request } = await until(() => sent.findLast(each => each.type === "details"));
  const answer = { type: "answer", request, error: null, details, approval: null, topic: null };
  for (const handler of handlers) handler({ text: JSON.stringify(answer) }, []);
};
window.explore = async views => {
  for (const { slot, kind, topic, tellings } of views) {
    await show(kind, topic, slot);
    for (const [text, buffers] of tellings) tell(text, buffers, slot);
  }
  await until(() => root.querySelectorAll(".jwl").length >= views.length);
  await frames(2);
  const early = harm();
  for (const { slot, details } of views) if (details) await readDetails(slot, details);
  await frames(3);
  for (const each of document.querySelectorAll("details")) each.open = true;
  await frames(3);
  return { ...early, ...harm() };
};
const inside = selector => [...root.querySelectorAll(selector)];
const LOADS = "script,img,iframe,object,embed,link,style,base,meta,audio,video,form[action],svg :not(path,text,title)";
window.harm = () => {
  const page = document.documentElement;
  const found = {
    ran: window.pwned !== undefined || {}.pwned !== undefined,
    made: inside(`:is(${LOADS})`).map(each => each.tagName),
    handlers: inside("*").flatMap(({ attributes }) => [...attributes]).map(({ name }) => name)
      .filter(name => /^on|^srcdoc$/i.test(name)),
    addresses: inside("[href],[src]").map(each => each.href ?? each.src)
      .filter(address => !/^(https?|mailto):/.test(address)),
    wide: page.scrollWidth > page.clientWidth + 1,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value.length ?? value));
};
window.ready = true;
"""


class PageServer(ThreadingHTTPServer):
    """Serves the components; what is put into `pages` is HTML that may have style sheets and nothing else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: PageServer

    def do_GET(self) -> None:
        files = {"/": ("text/html", PAGE), "/host.js": ("text/javascript", HOST), "/page.css": ("text/css", PAGE_STYLE)}
        kind, text = files.get(self.path, ("", ""))
        if page := self.server.pages.get(self.path[1:]):
            kind, text = "text/html", page
        if self.path in ("/view.js", "/widget.css"):
            text = (STATIC / self.path[1:]).read_text(encoding="utf-8")
            kind = "text/javascript" if self.path.endswith("js") else "text/css"
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", f"{kind or 'text/plain'}; charset=utf-8")
        self.send_header("Content-Security-Policy", STATIC_POLICY if page else POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def bare_page_server() -> Iterator[PageServer]:
    server = PageServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def written(telling: Telling) -> tuple[str, list[str]]:
    """A message as the page takes it: JSON text, and buffers in base64."""
    return wire_text(telling.message), [base64.b64encode(buffer).decode() for buffer in telling.buffers]


class BarePage:
    """A page that shows one component."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.violations: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.note(message.text))
        page.on("pageerror", lambda error: self.note(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.violations.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address)
        page.wait_for_function("() => window.ready")

    def note(self, text: str) -> None:
        # Chromium asks for an icon by itself, which the policy refuses.
        if "favicon" not in text:
            self.violations.append(text)

    def show(self, kind: str, topic: str, tellings: Sequence[Telling]) -> Any:
        self.page.evaluate("([kind, topic]) => window.show(kind, topic)", [kind, topic])
        for telling in tellings:
            self.tell(telling)
        return self.page.locator(".jwl").first

    def tell(self, telling: Telling) -> None:
        self.page.evaluate("([text, buffers]) => window.tell(text, buffers)", written(telling))

    def explore(self, views: Sequence[View]) -> dict[str, Any]:
        """Shows components side by side, opens what a reader may open, and gives the harm that was done."""
        told = [
            {
                "slot": view.slot,
                "kind": view.kind,
                "topic": view.topic,
                "tellings": [written(telling) for telling in view.tellings],
                "details": view.details,
            }
            for view in views
        ]
        return self.page.evaluate("views => window.explore(views)", told) | self.outside()

    def outside(self) -> dict[str, Any]:
        """What was tried outside of the page: requests, navigations, dialogs, what the policy forbade."""
        requests = [url for url in self.requests if not url.startswith((self.address, "blob:"))]
        found = {"requests": requests, "policy": self.violations, "left": self.page.url.removeprefix(self.address)}
        return {name: value for name, value in found.items() if value}

    def answer(self, kind: str, **fields: Any) -> None:
        """Answers the newest request of a kind."""
        self.page.wait_for_function("kind => window.sent.some(each => each.type === kind)", arg=kind)
        request = self.page.evaluate("kind => window.sent.findLast(each => each.type === kind).request", kind)
        empty = {"error": None, "details": None, "approval": None, "topic": None}
        message = json.dumps({"type": "answer", "request": request} | empty | fields)
        self.page.evaluate("text => window.tell(text, [])", message)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return self.page.evaluate("kind => window.sent.filter(each => each.type === kind)", kind)
