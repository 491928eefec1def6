"""What a value costs on its way: encoded, decoded, stored. Run it with `python benchmarks/payloads.py`."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext, StorageDriverWorkflowInfo

from jupyter_workflows.payloads import FileStorage
from jupyter_workflows.payloads.values import ValueConverter

REPETITIONS = 15


class Review(BaseModel):
    id: str
    risk: float
    tags: list[str]
    at: dt.datetime


REVIEW = Review(id="C-1042", risk=0.5, tags=["a", "b"], at=dt.datetime.now(dt.UTC))
ROWS = [{"id": n, "name": f"name {n}", "score": n / 3, "ok": True, "tags": ["a", "b"]} for n in range(10_000)]
VALUES: dict[str, tuple[Any, Any, int]] = {
    "a text": ("C-1042", str, 500),
    "a model": (REVIEW, Review, 500),
    "a dict": ({"a": 1, "b": [1, 2, {"c": "d"}]}, dict, 500),
    "100 models": ([REVIEW] * 100, list[Review], 20),
    "10,000 rows as dicts": (ROWS, list, 1),
}
TABLES: dict[str, Any] = {
    "a DataFrame of 2 rows": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    "a DataFrame of 10 MB": pd.DataFrame(np.random.default_rng(0).random((125_000, 10))),
    "an array of 10 MB": np.random.default_rng(0).random(1_250_000),
}


def best(action: Callable[[], Any], inner: int = 1) -> float:
    """The shortest of the repetitions, in seconds of CPU for one call: other programs do not count."""
    shortest = float("inf")
    for _ in range(REPETITIONS):
        began = time.process_time()
        for _ in range(inner):
            action()
        shortest = min(shortest, (time.process_time() - began) / inner)
    return shortest


def shown(seconds: float) -> str:
    """A duration in µs or ms."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def measured(value: Any, annotation: Any, inner: int, *, compared: bool) -> tuple[str, str, str]:
    """Size, time to encode and time to decode."""
    ours, raw = ValueConverter(), PydanticPayloadConverter()
    payload = ours.encode(value, "it")
    encode = shown(best(lambda: ours.encode(value, "it"), inner))
    decode = shown(best(lambda: ours.decode(payload, annotation), inner))
    if compared:
        encode += f" ({shown(best(lambda: raw.to_payloads([value]), inner))})"
        decode += f" ({shown(best(lambda: raw.from_payloads([payload], [annotation]), inner))})"
    return f"{len(payload.data):,} B", encode, decode


async def stored(size: int, root: Path) -> tuple[str, str]:
    """Median time to store and to read a payload of that size."""
    storage = FileStorage(root)
    context = StorageDriverStoreContext(target=StorageDriverWorkflowInfo(namespace="benchmark", id="run"))
    writing: list[float] = []
    reading: list[float] = []
    for _ in range(REPETITIONS):
        payload = Payload(data=os.urandom(size))
        began = time.perf_counter()
        claims = await storage.store(context, [payload])
        written = time.perf_counter()
        await storage.retrieve(StorageDriverRetrieveContext(), claims)
        writing.append(written - began)
        reading.append(time.perf_counter() - written)
    return shown(sorted(writing)[REPETITIONS // 2]), shown(sorted(reading)[REPETITIONS // 2])


def main() -> None:
    """Prints the tables of `docs/reference/values.md`."""
    print("| Value | Size | Encode | Decode |\n|---|---|---|---|")
    for name, (value, annotation, inner) in VALUES.items():
        print("|", name, "|", " | ".join(measured(value, annotation, inner, compared=True)), "|")
    for name, value in TABLES.items():
        print("|", name, "|", " | ".join(measured(value, type(value), 1, compared=False)), "|")
    print("\n| Stored payload | Write | Read |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        for size in (40_000, 100_000, 1_000_000, 10_000_000):
            print(f"| {size:,} B |", " | ".join(asyncio.run(stored(size, Path(root)))), "|")


if __name__ == "__main__":
    main()
