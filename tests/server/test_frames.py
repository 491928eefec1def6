"""Frames: what is encoded is read back, and every part begins where a typed array may be laid over it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_workflows.server.frames import decode_frame, encode_frame


@given(text=st.text(), buffers=st.lists(st.binary(max_size=100), max_size=5))
def test_what_is_encoded_is_read_back(text: str, buffers: list[bytes]):
    assert decode_frame(encode_frame(text, buffers)) == (text, buffers)


@given(text=st.text(), buffers=st.lists(st.binary(max_size=100), min_size=1, max_size=5))
def test_every_part_begins_at_a_multiple_of_eight(text: str, buffers: list[bytes]):
    frame = encode_frame(text, buffers)
    assert isinstance(frame, bytes)
    assert len(frame) % 8 == 0
    (count,) = struct.unpack_from("<I", frame)
    lengths = struct.unpack_from(f"<{count}I", frame, 4)
    assert list(lengths) == [len(text.encode()), *map(len, buffers)]
    at = 4 + 4 * count
    for length, part in zip(lengths, [text.encode(), *buffers], strict=True):
        at = (at + 7) & ~7
        assert frame[at : at + length] == part
        at += length


def test_a_message_without_buffers_is_text():
    assert encode_frame('{"type":"pulse"}') == '{"type":"pulse"}'


def test_the_layout_is_the_documented_one():
    assert encode_frame("ab", [b"\x01\x02\x03"]) == bytes.fromhex(
        "0200000002000000030000000000000061620000000000000102030000000000"
    )


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(8),
        struct.pack("<II", 1, 9),
        struct.pack("<II", 2**31, 0),
        encode_frame("text", [bytes(40)])[:-8],
        bytes(encode_frame("text", [bytes(40)])) + bytes(8),
    ],
    ids=["empty", "no-part", "beyond", "many", "cut", "longer"],
)
def test_what_is_no_frame_is_refused(frame: bytes):
    with pytest.raises(ValueError, match="a frame of"):
        decode_frame(frame)
