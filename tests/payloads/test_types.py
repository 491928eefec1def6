"""Annotations as checks: what fits comes back as annotated, what does not is told in one sentence."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from jupyter_workflows.errors import PayloadError
from jupyter_workflows.payloads.types import validate


class Review(BaseModel):
    risk: float
    reasons: list[str] = []


@dataclasses.dataclass
class Job:
    review: Review
    frame: pd.DataFrame | None = None


class Own:
    pass


OWN = Own()
NOWHERE = list["Nowhere"]  # noqa: F821 - that is the mistake

FITS: list[tuple[Any, Any, Any]] = [
    ("3", int, 3),
    (3, float, 3.0),
    (object, Any, object),
    (OWN, Own, OWN),
    (OWN, inspect.Parameter.empty, OWN),
    (None, None, None),
    ({"risk": 1}, Review, Review(risk=1)),
    ({"review": {"risk": 1}}, Job, Job(Review(risk=1))),
    ([1, 2], tuple[int, ...], (1, 2)),
    ("a", Literal["a", "b"], "a"),
]


@pytest.mark.parametrize(("value", "annotation", "arrived"), FITS, ids=lambda each: str(each)[:40])
def test_what_fits_comes_back_as_annotated(value: Any, annotation: Any, arrived: Any):
    assert validate(value, annotation, "argument 'x'") == arrived


MISFITS: list[tuple[Any, Any, str]] = [
    ("many", int, ("argument 'x' must be int: it is 'many' (str): input should be a valid integer, "
                  "unable to parse string as an integer")),
    ([1, "y"], list[int], ("argument 'x' must be list[int]: [1] is 'y' (str): input should be a valid integer, "
                          "unable to parse string as an integer")),
    ({}, Review, "argument 'x' must be Review: .risk is missing"),
    ("c", Literal["a", "b"], "argument 'x' must be Literal['a', 'b']: it is 'c' (str): input should be 'a' or 'b'"),
    (1, Own, "argument 'x' must be Own: it is 1 (int): input should be an instance of Own"),
    ([1], np.ndarray, "argument 'x' must be ndarray: it is [1] (list): input should be an instance of ndarray"),
    (None, int, "argument 'x' must be int: it is None (NoneType): input should be a valid integer"),
    (["a"] * 9, list[int], ("argument 'x' must be list[int]: [0] is 'a' (str): input should be a valid integer, "
                           "unable to parse string as an integer; [1] is 'a' (str): input should be a valid integer, "
                           "unable to parse string as an integer; [2] is 'a' (str): input should be a valid integer, "
                           "unable to parse string as an integer; and 6 more")),
    (1, NOWHERE, ("the annotation list['Nowhere'] can't be checked: name 'Nowhere' is not defined. "
                         "Define what it names before the function, or leave the annotation out")),
]  # fmt: skip


@pytest.mark.parametrize(("value", "annotation", "message"), MISFITS, ids=lambda each: str(each)[:40])
def test_what_does_not_fit_is_told_in_one_sentence(value: Any, annotation: Any, message: str):
    with pytest.raises(PayloadError) as caught:
        validate(value, annotation, "argument 'x'")
    assert str(caught.value) == message


def test_long_and_broken_reprs_are_cut():
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    with pytest.raises(PayloadError, match=r"it is \(a value whose repr fails\) \(Broken\)"):
        validate(Broken(), int, "argument 'x'")
    with pytest.raises(PayloadError) as caught:
        validate("z" * 10_000, int, "argument 'x'")
    assert len(str(caught.value)) < 300
