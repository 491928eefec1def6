"""What a cell prints and displays, kept while it is shown, to be shown again when the cell is restored."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

MAX_SHOWN_BYTES = 4_000_000
STREAM, DISPLAY, RESULT = "stream", "display", "result"


class Tee:
    """A text stream that notes what is written to it.

    Args:
        stream: Where it goes.
        note: Told each text.
    """

    def __init__(self, stream: Any, note: Callable[[str], None]) -> None:
        self._stream = stream
        self._note = note

    def write(self, text: str) -> int:
        """Writes and notes a text."""
        written = self._stream.write(text)
        self._note(text)
        return written

    def writelines(self, lines: Any) -> None:
        """Writes and notes several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Showing:
    """Notes the output of a cell while it runs.

    Args:
        shell: The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.shown: list[dict[str, Any]] = []
        self.size_bytes = 0
        self.cut = False
        self.streams: dict[str, Any] = {}

    def begin(self) -> None:
        """From now on, what is shown is noted."""
        for name in ("stdout", "stderr"):
            self.streams[name] = getattr(sys, name)
            setattr(sys, name, Tee(self.streams[name], self.printer(name)))
        publish, write = self.shell.display_pub.publish, self.shell.displayhook.write_format_data

        def published(data: Any = None, metadata: Any = None, *args: Any, **kwargs: Any) -> Any:
            if not kwargs.get("update"):
                self.add({"kind": DISPLAY, "data": dict(data or {}), "metadata": dict(metadata or {})})
            return publish(data, metadata, *args, **kwargs)

        def written(format_dict: Any, md_dict: Any = None) -> Any:
            self.add({"kind": RESULT, "data": dict(format_dict), "metadata": dict(md_dict or {})})
            return write(format_dict, md_dict)

        clear = self.shell.display_pub.clear_output

        def cleared(*args: Any, **kwargs: Any) -> Any:
            self.shown.clear()
            return clear(*args, **kwargs)

        self.shell.display_pub.clear_output = cleared
        self.shell.display_pub.publish = published
        self.shell.displayhook.write_format_data = written

    def end(self) -> None:
        """Nothing more is noted."""
        for name, stream in self.streams.items():
            # A cell may have put another stream there, which stays.
            if isinstance(getattr(sys, name), Tee):
                setattr(sys, name, stream)
        self.streams.clear()
        publisher, hook = self.shell.display_pub, self.shell.displayhook
        for owner, name in ((publisher, "publish"), (publisher, "clear_output"), (hook, "write_format_data")):
            with contextlib.suppress(AttributeError):
                delattr(owner, name)

    def printer(self, name: str) -> Callable[[str], None]:
        """What notes the texts of a stream; neighbouring ones become one."""

        def note(text: str) -> None:
            last = self.shown[-1] if self.shown else {}
            if last.get("kind") == STREAM and last["name"] == name and self.fits(text):
                last["text"] += text
            else:
                self.add({"kind": STREAM, "name": name, "text": text})

        return note

    def add(self, item: dict[str, Any]) -> None:
        """Notes an output, while there is room."""
        if self.fits(item):
            self.shown.append(item)

    def fits(self, item: Any) -> bool:
        """Whether there is room for one more output; texts and pictures are counted by their length."""
        self.size_bytes += extent(item)
        self.cut = self.cut or self.size_bytes > MAX_SHOWN_BYTES
        return not self.cut

    def flush_figures(self) -> None:
        """Shows the figures that matplotlib would show after the cell, while they can still be noted."""
        backend = sys.modules.get("matplotlib_inline.backend_inline")
        if backend is not None and "matplotlib.pyplot" in sys.modules:
            backend.flush_figures()


def extent(item: Any) -> int:
    """About how many bytes an output takes."""
    if isinstance(item, str | bytes):
        return len(item)
    if isinstance(item, dict):
        return sum(map(extent, item.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(item, list | tuple):
        return sum(map(extent, item))  # pyright: ignore[reportUnknownArgumentType]
    return 8


def show_again(shell: Any, shown: list[dict[str, Any]]) -> None:
    """Shows what a cell has shown before; a live view of then is a still picture now."""
    for item in shown:
        if item["kind"] == STREAM:
            stream = sys.stderr if item["name"] == "stderr" else sys.stdout
            stream.write(item["text"])
            stream.flush()
        else:
            data = {kind: each for kind, each in item["data"].items() if "widget-view" not in kind}
            shell.display_pub.publish(data, item["metadata"])
