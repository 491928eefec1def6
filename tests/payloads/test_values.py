"""What travels, travels whole: every kind of value there and back by its annotation."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import math
import pathlib
import uuid
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_serializer
from temporalio.common import RawValue

from jupyter_workflows.errors import PayloadError
from jupyter_workflows.payloads.values import ValueConverter

CONVERTER = ValueConverter()


def there_and_back(value: Any, annotation: Any = None) -> Any:
    return CONVERTER.decode(CONVERTER.encode(value, "the value"), annotation)


def encoding_of(value: Any) -> str:
    return CONVERTER.encode(value, "the value").metadata["encoding"].decode()


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Point(NamedTuple):
    x: int
    label: str


class Clause(BaseModel):
    text: str
    score: float = 0.5
    seen: dt.datetime | None = None


@dataclasses.dataclass
class Contract:
    id: str
    clauses: list[Clause]
    tags: set[str] = dataclasses.field(default_factory=set)
    raw: bytes = b""


class Batch(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: str
    frame: pd.DataFrame
    image: bytes = b""


@dataclasses.dataclass
class Features:
    matrix: NDArray[np.float64]
    frame: pd.DataFrame
    notes: dict[str, Any]


class Described(BaseModel):
    """A model that knows itself how to write a part that can't travel."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    path: pathlib.Path
    handle: Any = Field(default=None, exclude=True)
    clock: Any = None

    @field_serializer("clock")
    def written(self, value: Any) -> str:
        return "clock"


NOW = dt.datetime(2026, 11, 22, 10, 30, 0, 123456)  # noqa: DTZ001 - naive ones travel too

ANNOTATED: list[tuple[Any, Any]] = [
    (None, int | None),
    (True, bool),
    (2**70, int),
    (-0.0, float),
    (float("inf"), float),
    ("Bär 🐻 \x00", str),
    (b"\xff\x00", bytes),
    (bytearray(b"\xfe"), bytearray),
    ([b"\xff", b"plain"], list[bytes]),
    ({"a": b"\xff"}, dict[str, bytes]),
    (NOW, dt.datetime),
    (NOW.replace(tzinfo=dt.UTC), dt.datetime),
    (dt.date(2026, 1, 2), dt.date),
    (dt.time(1, 2, 3), dt.time),
    (dt.timedelta(days=-2, microseconds=3), dt.timedelta),
    (decimal.Decimal("1.10"), decimal.Decimal),
    (uuid.UUID(int=7), uuid.UUID),
    (pathlib.Path("/a b/c"), pathlib.Path),
    (Colour.GREEN, Colour),
    (Colour.RED, Colour),
    ({1, 2}, set[int]),
    (frozenset("a"), frozenset[str]),
    ((1, "a"), tuple[int, str]),
    (Point(1, "a"), Point),
    (1 + 2j, complex),
    ({1: "a"}, dict[int, str]),
    ({Colour.GREEN: 1}, dict[Colour, int]),
    (collections.deque([1, 2]), collections.deque[int]),
    (collections.Counter("aab"), collections.Counter),
    (Clause(text="x", seen=NOW), Clause),
    (Contract("c", [Clause(text="y")], {"t"}, b"\x80"), Contract),
    ([Contract("c", [])], list[Contract]),
    (np.float64(2.5), np.float64),
    (np.int32(2), np.int32),
]


@pytest.mark.parametrize(("value", "annotation"), ANNOTATED, ids=lambda each: str(each)[:40])
def test_value_comes_back_as_its_annotation_says(value: Any, annotation: Any):
    arrived = there_and_back(value, annotation)
    assert arrived == value
    assert type(arrived) is type(value)


PLAIN: list[tuple[Any, Any]] = [
    ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
    ((1, {2}), [1, [2]]),
    ({1: "a"}, {"1": "a"}),
    (Clause(text="x"), {"text": "x", "score": 0.5, "seen": None}),
    (Contract("c", [], set()), {"id": "c", "clauses": [], "tags": [], "raw": b""}),
    (decimal.Decimal("1.10"), "1.10"),
    (Colour.GREEN, "g"),
    ([np.int64(3), np.float32(1.5), np.bool_(True)], [3, 1.5, True]),
    ([pd.NaT, pd.NA, np.datetime64("2026-01-02")], [None, None, "2026-01-02"]),
    ({"blob": b"\xff", "text": "x"}, {"blob": b"\xff", "text": "x"}),
]


@pytest.mark.parametrize(("value", "arrived"), PLAIN, ids=lambda each: str(each)[:40])
def test_without_annotation_it_is_plain_json_and_bytes(value: Any, arrived: Any):
    assert there_and_back(value) == arrived


def test_nan_comes_back_as_nan_with_and_without_annotation():
    for annotation in (None, list[float]):
        first, second = there_and_back([float("nan"), float("-inf")], annotation)
        assert math.isnan(first)
        assert second == float("-inf")


def test_time_zone_becomes_its_offset():
    berlin = NOW.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    arrived = there_and_back(berlin, dt.datetime)
    assert arrived == berlin
    assert arrived.utcoffset() == dt.timedelta(hours=1)


def test_own_key_that_looks_like_a_hole_is_kept():
    value = {"$part": 0, "blob": b"\xff", "text": '"$part":'}
    assert there_and_back(value) == value


def test_model_that_writes_itself_travels_with_what_it_leaves_out(tmp_path: pathlib.Path):
    with (tmp_path / "f").open("w") as file:
        arrived = there_and_back(Described(path=tmp_path, handle=file, clock=object()), Described)
    assert arrived == Described(path=tmp_path, clock="clock")


def test_200_levels_travel():
    value: Any = 1
    for _ in range(200):
        value = [value]
    assert there_and_back(value) == value


def test_raw_value_and_protobuf_messages_pass():
    payload = CONVERTER.encode([1], "the value")
    assert CONVERTER.encode(RawValue(payload), "the value") is payload
    assert there_and_back([1], RawValue).payload == payload
    assert there_and_back(Duration(seconds=3), Duration) == Duration(seconds=3)


FRAME = pd.DataFrame(
    {
        "int": pd.array([1, None, 3], dtype="Int64"),
        "float": [1.5, float("nan"), 3.0],
        "text": ["a", None, "ü"],
        "flag": [True, False, True],
        "kind": pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"], ordered=True),
        "when": pd.to_datetime(["2026-01-01", "2026-03-29", None]).tz_localize("Europe/Berlin"),
        "span": pd.to_timedelta([1, 2, 3], unit="s"),
        "lists": [[1.0, 2.0], [], None],
    }
)
INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(5, 8),
    "named": pd.Index(["x", "y", "z"], name="key"),
    "dates": pd.date_range("2026-01-01", periods=3, freq="D", tz="UTC", name="day"),
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["one", None]),
    "twice": pd.Index([1, 1, 2]),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_frame_keeps_values_dtypes_and_index(index: Any):
    frame = FRAME.set_axis(index)
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    pd.testing.assert_frame_equal(there_and_back(frame, pd.DataFrame), frame)
    assert encoding_of(frame) == "binary/arrow"


@pytest.mark.parametrize("name", [None, "price", 3])
@pytest.mark.parametrize("column", ["int", "text", "kind", "when"])
def test_series_keeps_values_dtype_name_and_index(column: str, name: Any):
    series = FRAME.set_axis(INDEXES["dates"])[column].rename(name)
    pd.testing.assert_series_equal(there_and_back(series, pd.Series), series)


def test_columns_of_numbers_and_of_nothing_are_kept():
    numbered = pd.DataFrame(np.eye(2))
    pd.testing.assert_frame_equal(there_and_back(numbered), numbered)
    empty = FRAME.iloc[:0]
    pd.testing.assert_frame_equal(there_and_back(empty), empty)


ARRAYS: list[Any] = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.ones((2, 3))),
    np.arange(10)[::2],
    np.array(5),
    np.array([], dtype="f4"),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bc"]),
    np.array([1 + 2j]),
    np.array([True, False]),
    np.array([1], dtype="f2"),
    np.array([1], dtype=">i4"),
    np.array(["2026-01-01", "NaT"], dtype="M8[D]"),
    np.array([3], dtype="m8[s]"),
    np.zeros(2, dtype=[("x", "i4"), ("y", "f8", (2,)), ("z", [("a", "U3")])]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_array_keeps_dtype_shape_and_can_be_written_to(array: Any):
    for annotation in (None, np.ndarray, NDArray[Any]):
        arrived = there_and_back(array, annotation)
        assert arrived.dtype == array.dtype
        assert arrived.flags.writeable
        np.testing.assert_array_equal(arrived, array)


def test_arrow_table_and_frame_become_what_the_annotation_wants():
    table = pa.table({"x": [1, 2]})
    assert there_and_back(table) == table
    pd.testing.assert_frame_equal(there_and_back(table, pd.DataFrame), pd.DataFrame({"x": [1, 2]}))
    assert there_and_back(pd.DataFrame({"x": [1, 2]}), pa.Table).column("x").to_pylist() == [1, 2]


def test_frames_and_arrays_travel_inside_containers_dataclasses_and_models():
    frame = FRAME.set_axis(INDEXES["dates"])
    nested = there_and_back({"parts": [frame, {"matrix": np.eye(2)}]})
    pd.testing.assert_frame_equal(nested["parts"][0], frame)
    np.testing.assert_array_equal(nested["parts"][1]["matrix"], np.eye(2))
    batch = there_and_back(Batch(name="b", frame=frame, image=b"\x89PNG"), Batch)
    pd.testing.assert_frame_equal(batch.frame, frame)
    assert batch.image == b"\x89PNG"
    features = there_and_back(Features(np.eye(2), frame, {"f": frame}), Features)
    np.testing.assert_array_equal(features.matrix, np.eye(2))
    pd.testing.assert_frame_equal(features.notes["f"], frame)


def test_value_that_does_not_fit_its_annotation_is_told_with_its_place():
    payload = CONVERTER.encode({"text": "x", "score": "many"}, "the value")
    with pytest.raises(PayloadError) as caught:
        CONVERTER.decode(payload, Clause)
    assert str(caught.value) == (
        "a stored value does not fit Clause: .score is 'many' (str): input should be a valid number, "
        "unable to parse string as a number"
    )
