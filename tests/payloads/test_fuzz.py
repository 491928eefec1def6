"""Bytes and values nobody thought of: reading raises `PayloadError` or nothing, and what is written can be read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure

from jupyter_workflows.errors import PayloadError
from jupyter_workflows.payloads.failures import FailureTexts
from jupyter_workflows.payloads.values import ValueConverter

CONVERTER = ValueConverter()
ENCODINGS = [
    b"binary/null", b"binary/plain", b"json/plain", b"json/protobuf", b"binary/protobuf", b"binary/arrow",
    b"binary/ndarray", b"multipart/json", b"binary/encrypted", b"json/external-storage-reference", b"\xff",
]  # fmt: skip
ANNOTATIONS: list[Any] = [None, int, str, bytes, list[int], dict[str, Any], pd.DataFrame, pa.Table, Failure]
ARRAY = st.sampled_from(
    [b"", b"{}", b"[]", b'{"dtype":"<f8","shape":[1],"order":"C"}', b'{"dtype":"|O","shape":[],"order":"C"}',
     b'{"dtype":[["a","<i4"]],"shape":[-1],"order":"F"}', b'{"dtype":"<f8","shape":[99999999999999],"order":"C"}']
)  # fmt: skip
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "encoding": st.sampled_from(ENCODINGS) | st.binary(max_size=20),
        "messageType": st.sampled_from([b"temporal.api.failure.v1.Failure", b"google.protobuf.Any"]) | st.binary(),
        "format": st.sampled_from([b"1", b"2", b""]) | st.binary(max_size=5),
        "hole": st.binary(max_size=5),
        "class": st.sampled_from([b"pandas.DataFrame", b"pandas.Series", b"os.system"]),
        "array": ARRAY | st.binary(max_size=50),
    },
)
JSON_TEXT = st.sampled_from([b'{"$part":0}', b"[1,2", rb'"\ud800"', b"NaN", b"1e999", b"[" * 5000, b"{}", b'{"a":1}'])


def real_payloads() -> list[bytes]:
    values: list[Any] = [pd.DataFrame({"a": [1, 2], "b": ["x", None]}), {"a": b"\xff"}, [1, {"b": "c"}], Failure()]
    return [CONVERTER.encode(value, "it").data for value in values]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real payload's bytes with some of them changed or cut off."""
    data = bytearray(draw(st.sampled_from(real_payloads())))
    for _ in range(draw(st.integers(0, 4))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


def refusal(action: Callable[[], Any]) -> str:
    """What `action` is refused with, as text that can be sent; empty where it is not."""
    try:
        action()
    except PayloadError as error:
        return str(error).encode().decode()
    return ""


@settings(max_examples=400, deadline=None)
@given(
    METADATA,
    st.binary(max_size=200) | JSON_TEXT | damaged(),
    st.sampled_from(ANNOTATIONS),
)
def test_reading_foreign_bytes_raises_payload_error_or_nothing(
    metadata: dict[str, bytes], data: bytes, annotation: Any
):
    hints = None if annotation is None else [annotation]
    message = refusal(lambda: CONVERTER.from_payloads([Payload(metadata=metadata, data=data)], hints))
    assert len(message) < 2_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | damaged(), max_size=3), METADATA, JSON_TEXT)
def test_reading_foreign_parts_raises_payload_error_or_nothing(
    parts: list[bytes], metadata: dict[str, bytes], first: bytes
):
    inner = [Payload(data=first), *(Payload(metadata=metadata, data=part) for part in parts)]
    whole = Payload(
        metadata={"encoding": b"multipart/json", "format": b"1", "hole": b"$part"},
        data=Payloads(payloads=inner).SerializeToString(),
    )
    refusal(lambda: CONVERTER.from_payloads([whole]))


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_plain_values_come_back_as_they_were(value: Any):
    assert same(CONVERTER.decode(CONVERTER.encode(value, "it")), value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.text(max_size=10) | st.integers() | st.builds(object) | st.just(print) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=3) | st.tuples(st.integers()), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_writing_anything_succeeds_or_names_the_part(value: Any):
    message = refusal(lambda: CONVERTER.encode(value, "argument 'x'"))
    assert not message or message.startswith("argument 'x'")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=50), st.integers(0, 40), st.booleans())
def test_any_exception_becomes_a_failure_of_bounded_size(text: str, causes: int, with_details: bool):
    error: BaseException = ValueError(text)
    for _ in range(causes):
        outer = RuntimeError(text * 1_000)
        outer.__cause__ = error
        error = outer
    failure = Failure()
    FailureTexts().to_failure(error, CONVERTER, failure)
    assert failure.ByteSize() < 2_000_000
