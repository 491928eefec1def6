"""Values as trees and back, as far as needs no kernel; and trees that nobody of ours has written."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_workflows.durable import values
from jupyter_workflows.durable.packing import Packer, Unrestorable, Unstorable, tagged
from jupyter_workflows.durable.unpacking import unpack
from jupyter_workflows.errors import PayloadError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.uuids()
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers() | st.none() | st.just("$cell")
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.frozensets(LEAVES.filter(lambda leaf: leaf == leaf), max_size=3)
    ),
    max_leaves=12,
)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return alike(list(one), list(other)) and alike(list(one.values()), list(other.values()))
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (one == other and repr(one) == repr(other))
    return one == other


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_values_come_back_equal_with_their_types_and_digests(value: Any):
    encoded = values.encode(value, "value", {})
    back = values.decode(encoded.payload, {})
    assert alike(value, back)
    assert values.encode(back, "value", {}).digest == encoded.digest


def test_a_value_that_contains_itself_is_refused():
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(Unstorable, match=r"ring\[0\] contains itself"):
        values.encode(ring, "ring", {})


def test_deep_nesting_is_refused():
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(Unstorable, match="is nested deeper"):
        values.encode(deep, "deep", {})


@pytest.mark.parametrize("kind", ["enum", "dataclass", "model", "namedtuple", "object", "list"])
def test_what_history_names_is_not_called_unless_it_is_a_class_of_that_kind(kind: str):
    command = tagged("import", module="os", path="system")
    tree = tagged(kind, cls=command, value="exit 1", state={}, items=["exit 1"])
    with pytest.raises(Unrestorable, match="needs a class as it was"):
        unpack(tree, {})


def test_a_pickle_is_read_only_where_the_user_asked_for_it():
    encoded = values.encode({1, 2}, "odd", {}, pickled=True)
    assert values.decode(encoded.payload, {}, pickles=True) == {1, 2}
    with pytest.raises(PayloadError, match="does not say --pickle"):
        values.decode(encoded.payload, {})


def test_a_class_that_is_gone_is_named():
    class Local:
        pass

    with pytest.raises(Unstorable, match="can't be stored"):
        Packer({}).pack(Local(), "value")
    with pytest.raises(Unrestorable, match="`Invoice`, which a stored value needs, is not defined"):
        unpack(tagged("name", name="Invoice"), {})
