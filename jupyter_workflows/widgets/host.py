"""The anywidget whose comm is the channel between shared components and a kernel.

Its handlers may run on the main thread or on a subshell's, and all widgets of a kernel share one subshell: a handler
does nothing but hand the message to the loop thread.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import anywidget
import traitlets

from ..connection import loop_thread
from ..live.desk import Desk
from ..live.feed import Telling
from ..live.messages import Follow, read_asked, wire_text
from .turns import BRISK

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..live.messages import AskStart
    from ..runs.access import RunAccess
    from ..runs.handle import Run

STATIC = Path(__file__).with_name("static")
Kind = Literal["run", "inbox", "runs", "workflow", "dashboard"]


def is_built() -> bool:
    """Whether the components are there; a source tree without Node has none."""
    return (STATIC / "widget.js").is_file()


@cache
def asset(name: str) -> str:
    """The text of a built file."""
    return (STATIC / name).read_text(encoding="utf-8")


class LiveView(anywidget.AnyWidget):
    """Shared components in a notebook host without our extension, fed by the kernel.

    Args:
        kind: What is shown.
        access: What runs are reached with.
        start: Starts the workflow that is shown.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    topic = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, kind: Kind, topic: str, access: RunAccess, start: Callable[[AskStart], Run[Any]] | None = None
    ) -> None:
        self.desk = Desk(access, self.tell, start)
        super().__init__(_esm=asset("widget.js"), _css=asset("widget.css"), kind=kind, topic=topic)
        self.on_msg(self.receive)  # pyright: ignore[reportUnknownMemberType]

    def open(self) -> None:
        """Opens the comm; its messages are taken where the front end sends them.

        ipykernel 7.4 takes a comm's messages on the shell that last published on it: for a widget made by a cell
        that is the main one, and a click would wait until the running cell ends. None leaves the choice to the
        front end, as ipykernel 7.0 to 7.3 did. See ipykernel/comm/comm.py.
        """
        super().open()
        if hasattr(self.comm, "_reply_subshell_for"):
            setattr(self.comm, "_reply_subshell_for", None)  # noqa: B010

    def receive(self, widget: object, content: object, buffers: object) -> None:
        """Hands a view's message to the loop thread; what is no message of ours is dropped."""
        del widget, buffers
        try:
            asked = read_asked(cast("dict[str, object]", content).get("text") if isinstance(content, dict) else None)
        except ValueError:
            return
        answered = loop_thread().submit(self.desk.receive(asked))
        if not isinstance(asked, Follow):
            BRISK.begin()
            answered.add_done_callback(lambda _: BRISK.end())

    def tell(self, telling: Telling) -> None:
        """Sends a message to all views of this widget."""
        self.send(  # pyright: ignore[reportUnknownMemberType]
            {"text": wire_text(telling.message)}, list(telling.buffers) or None
        )

    def close(self) -> None:
        """Ends following and the comm."""
        loop_thread().submit(self.desk.close())
        super().close()
