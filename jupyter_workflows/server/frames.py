"""How one message crosses the stream: a text frame, or a binary one that carries buffers beside the text.

A message without buffers is a text frame of JSON. With buffers it is one binary frame, all numbers little-endian:

    uint32            N, the number of parts: the JSON text (UTF-8) first, then the buffers
    uint32 x N        the length of each part in bytes
    part, part, ...   each begins at the next multiple of 8 bytes counted from the frame's start

and the frame's own length is a multiple of 8. So a typed array can be laid over a buffer without copying it. In
TypeScript, for a frame that arrived as an `ArrayBuffer`:

    const head = new DataView(frame);
    const parts: DataView[] = [];
    let at = 4 + 4 * head.getUint32(0, true);
    for (let part = 0; part < head.getUint32(0, true); part++) {
      const length = head.getUint32(4 + 4 * part, true);
      at = Math.ceil(at / 8) * 8;
      parts.push(new DataView(frame, at, length));
      at += length;
    }
    const [text, ...buffers] = parts;

What a page sends is always a text frame.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

ALIGNMENT = 8
MAX_PARTS = 1 << 16

Frame = str | bytes


def aligned(position: int) -> int:
    """The next position at which a part may begin."""
    return -(-position // ALIGNMENT) * ALIGNMENT


def encode_frame(text: str, buffers: Sequence[bytes] = ()) -> Frame:
    """The frame of a message."""
    if not buffers:
        return text
    parts = [text.encode(), *buffers]
    head = struct.pack(f"<{1 + len(parts)}I", len(parts), *map(len, parts))
    frame = bytearray(head)
    for part in parts:
        frame.extend(bytes(aligned(len(frame)) - len(frame)))
        frame.extend(part)
    frame.extend(bytes(aligned(len(frame)) - len(frame)))
    return bytes(frame)


def decode_frame(frame: Frame) -> tuple[str, list[bytes]]:
    """The text and the buffers of a frame.

    Raises:
        ValueError: It is no such frame.
    """
    if isinstance(frame, str):
        return frame, []
    if len(frame) < 8 or len(frame) % ALIGNMENT:
        raise ValueError(f"a frame of {len(frame)} bytes is cut")
    (count,) = struct.unpack_from("<I", frame)
    if not 0 < count <= MAX_PARTS or 4 + 4 * count > len(frame):
        raise ValueError(f"a frame of {len(frame)} bytes can't have {count} parts")
    position = 4 + 4 * count
    parts: list[bytes] = []
    for length in struct.unpack_from(f"<{count}I", frame, 4):
        position = aligned(position)
        parts.append(frame[position : position + length])
        position += length
    if aligned(position) != len(frame):
        raise ValueError(f"a frame of {len(frame)} bytes has parts of {position}")
    return parts[0].decode(), parts[1:]
