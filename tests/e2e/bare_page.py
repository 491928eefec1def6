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

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'none'; connect-src 'none'; base-uri 'none'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Components</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/widget.css"><link rel="stylesheet" href="/page.css">
<script type="module" src="/host.js"></script></head><body><main id="root"></main></body></html>"""
PAGE_STYLE = "body{margin:16px;background:#fff} @media (prefers-color-scheme:dark){body{background:#0d1117}}"
# `show` draws a component as a widget's host would; `tell` plays the host's messages.
HOST = """
import view from "/view.js";
const handlers = new Set();
window.sent = [];
window.show = async (kind, topic) => {
  const traits = { kind, topic };
  const model = {
    get: name => traits[name],
    send: ({ text }) => window.sent.push(JSON.parse(text)),
    on: (_, handler) => handlers.add(handler),
    off: (_, handler) => handlers.delete(handler),
  };
  window.stop?.();
  window.stop = await view.render({ model, el: document.getElementById("root") });
};
window.tell = (text, buffers) => {
  const views = buffers.map(each => new DataView(Uint8Array.from(atob(each), c => c.charCodeAt(0)).buffer));
  for (const handler of handlers) handler({ text }, views);
};
window.ready = true;
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        files = {"/": ("text/html", PAGE), "/host.js": ("text/javascript", HOST), "/page.css": ("text/css", PAGE_STYLE)}
        kind, text = files.get(self.path, ("", ""))
        if self.path in ("/view.js", "/widget.css"):
            text = (STATIC / self.path[1:]).read_text(encoding="utf-8")
            kind = "text/javascript" if self.path.endswith("js") else "text/css"
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", f"{kind or 'text/plain'}; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def bare_page_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class BarePage:
    """A page that shows one component."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
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
        buffers = [base64.b64encode(buffer).decode() for buffer in telling.buffers]
        self.page.evaluate("([text, buffers]) => window.tell(text, buffers)", [wire_text(telling.message), buffers])

    def answer(self, kind: str, **fields: Any) -> None:
        """Answers the newest request of a kind."""
        self.page.wait_for_function("kind => window.sent.some(each => each.type === kind)", arg=kind)
        request = self.page.evaluate("kind => window.sent.findLast(each => each.type === kind).request", kind)
        empty = {"error": None, "details": None, "approval": None, "topic": None}
        message = json.dumps({"type": "answer", "request": request} | empty | fields)
        self.page.evaluate("text => window.tell(text, [])", message)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return self.page.evaluate("kind => window.sent.filter(each => each.type === kind)", kind)
