"""A stream of server-sent events, bounded before anything parses it: no endless line, no event twice.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re

from ..errors import ModelCallFailed

MAX_EVENT_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")
ID = re.compile(rb"(?:^|[\r\n])id:[ ]?([^\r\n]*)")


class Events:
    """Bytes of a stream in, whole events out."""

    def __init__(self, *, by_event: bool = True) -> None:
        self.by_event = by_event
        self.rest = bytearray()
        self.searched = 0
        self.total = 0
        self.last_id: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """The whole events that are there after some more bytes; those with the id of the one before are left out.

        Raises:
            ModelCallFailed: An event or the whole answer is larger than any model writes.
        """
        self.total += len(data)
        if self.total > MAX_ANSWER_BYTES:
            raise too_large("an answer", MAX_ANSWER_BYTES)
        if not self.by_event:
            return data
        self.rest += data
        whole: list[bytes] = []
        while found := END_OF_EVENT.search(self.rest, self.searched):
            event = bytes(self.rest[: found.end()])
            del self.rest[: found.end()]
            self.searched = 0
            if self.is_new(event):
                whole.append(event)
        if len(self.rest) > MAX_EVENT_BYTES:
            raise too_large("an event", MAX_EVENT_BYTES)
        # An end may begin in the last bytes.
        self.searched = max(0, len(self.rest) - 3)
        return b"".join(whole)

    def end(self) -> bytes:
        """What is left when the stream is over."""
        rest, self.rest = bytes(self.rest), bytearray()
        return rest

    def is_new(self, event: bytes) -> bool:
        """Whether an event is not the one before, sent again."""
        if len(event) > MAX_EVENT_BYTES:
            raise too_large("an event", MAX_EVENT_BYTES)
        found = ID.search(event)
        if found is None:
            return True
        again, self.last_id = found[1] == self.last_id, found[1]
        return not again


def too_large(what: str, limit: int) -> ModelCallFailed:
    """The refusal of what no model writes."""
    return ModelCallFailed(
        f"the model server sent {what} of more than {limit // 1024 // 1024} MB, and the call was ended: the server, "
        "or a proxy before it, is broken",
        kind="too_large",
        retryable=True,
    )
