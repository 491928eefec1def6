"""DataFrames, Series, Arrow tables and NumPy arrays as payloads: no JSON, no pickle.

pandas, pyarrow and numpy are imported only when a value of theirs is at hand, so a worker without them runs.

What is kept: values, column order, dtypes, every kind of index with its names and frequency, categories and their
order, time zones. What is not: `DataFrame.attrs`, flags and subclasses.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from temporalio import workflow
from temporalio.api.common.v1 import Payload

from .refusal import Unfit, refuse

# The libraries' own classes, which this module must not import to be imported itself.
Frame: TypeAlias = Any  # pandas.DataFrame
Series: TypeAlias = Any  # pandas.Series
Table: TypeAlias = Any  # pyarrow.Table
Array: TypeAlias = Any  # numpy.ndarray

ARROW = "binary/arrow"
NDARRAY = "binary/ndarray"
_FORMAT = 1
_SETTINGS = b"jupyter-workflows"


def encode(value: Any) -> Payload:
    """The payload of a DataFrame, Series, Arrow table or NumPy array.

    Raises:
        Unfit: It holds Python objects that Arrow has no type for, or would change on the way.
    """
    with workflow.unsafe.imports_passed_through():
        names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(value).__mro__}
        if "numpy.ndarray" in names:
            return _encode_array(value)
        pyarrow = _pyarrow()
        if "pyarrow.Table" in names:
            return _payload("pyarrow.Table", value)
        if "pandas.Series" in names:
            return _payload("pandas.Series", _series_to_arrow(value, pyarrow))
        return _payload("pandas.DataFrame", _frame_to_arrow(value, pyarrow))


def decode(payload: Payload, annotation: Any) -> Any:
    """The table or array of a payload, of the class that was sent or of the class the annotation wants.

    Raises:
        PayloadError: It was written by a newer version, or the library that reads it is missing.
        ValueError: It is damaged.
    """
    version = payload.metadata.get("format", b"").decode("ascii", "replace")
    if version != str(_FORMAT):
        raise refuse(
            f"a table is in format {version[:20] or 'unknown'}, and this version reads format {_FORMAT}. "
            "Upgrade jupyter-workflows where it is read"
        )
    with workflow.unsafe.imports_passed_through():
        if payload.metadata["encoding"] == NDARRAY.encode():
            return _decode_array(payload)
        table = _read(payload)
        wanted = f"{getattr(annotation, '__module__', '').partition('.')[0]}.{getattr(annotation, '__name__', '')}"
        if wanted not in {"pandas.DataFrame", "pandas.Series", "pyarrow.Table"}:
            wanted = payload.metadata.get("class", b"").decode("ascii", "replace")
        if wanted == "pandas.DataFrame":
            return _frame_from_arrow(table)
        if wanted == "pandas.Series":
            return _series_from_arrow(table)
        return table


def plain_scalar(value: Any) -> Any:
    """What a NumPy number is in plain Python."""
    name = type(value).__name__
    if name == "datetime64":
        return None if str(value) == "NaT" else str(value)
    plain = value.astype("timedelta64[us]").item() if name == "timedelta64" else value.item()
    if type(plain) is type(value):
        raise Unfit(f"holds a {name}, which Python has no number for. Convert it first: float(...)")
    return plain


def _pyarrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise refuse(
            'tables travel as Arrow, and pyarrow is not installed here. Install it: pip install "pyarrow>=17"'
        ) from None


def _payload(name: str, table: Table) -> Payload:
    pyarrow = _pyarrow()
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        if table.num_rows:
            writer.write_table(table)
        else:  # an empty table writes no batch by itself, and categories travel with batches
            writer.write_batch(_empty_batch(pyarrow, table))
    metadata = {"encoding": ARROW.encode(), "class": name.encode(), "format": str(_FORMAT).encode()}
    return Payload(metadata=metadata, data=sink.getvalue().to_pybytes())


def _empty_batch(pyarrow: Any, table: Table) -> Any:
    columns = [each.chunk(0) if each.num_chunks else pyarrow.array([], each.type) for each in table.columns]
    return pyarrow.RecordBatch.from_arrays(columns, schema=table.schema)


def _read(payload: Payload) -> Table:
    pyarrow = _pyarrow()
    with pyarrow.ipc.open_stream(pyarrow.py_buffer(payload.data)) as reader:
        table = reader.read_all()
    # Offsets out of bounds would be read past the end of the buffer later, and end the process.
    table.validate(full=True)
    return table


def _frame_to_arrow(frame: Frame, pyarrow: Any, settings: dict[str, Any] | None = None) -> Table:
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise Unfit(f"is a DataFrame with two columns {twice!r}. Rename one of them")
    try:
        table = pyarrow.Table.from_pandas(frame)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        reason = str(error.args[0]).splitlines()[0][:160]
        raise Unfit(
            f"is a {'Series' if settings else 'DataFrame'} whose {_unfit_column(frame, pyarrow)} holds values that "
            f"Arrow has no one type for ({reason}). Give the column one type, .astype(...)"
        ) from None
    _refuse_changes(frame, table)
    settings = {**(settings or {}), "freq": getattr(frame.index, "freqstr", None)}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _SETTINGS: json.dumps(settings).encode()})


def _unfit_column(frame: Frame, pyarrow: Any) -> str:
    for name in frame.columns:
        try:
            pyarrow.Table.from_pandas(frame[[name]], preserve_index=False)
        except pyarrow.ArrowException:
            return f"column {name!r}"
    return "index"


def _refuse_changes(frame: Frame, table: Table) -> None:
    """Columns of Python objects may come back as something else; those are refused instead."""
    suspects = [index for index, dtype in enumerate(frame.dtypes) if str(dtype) == "object"]
    if not suspects:
        return
    arrived = table.slice(0, 0).to_pandas()
    for index in suspects:
        name, column = frame.columns[index], frame.iloc[:, index]
        now = table.schema.field(index).type
        if arrived.dtypes.iloc[index] != column.dtype or (
            _is_nested(now) and table.column(index).to_pylist() != column.tolist()
        ):
            raise Unfit(
                f"is a DataFrame whose column {name!r} holds Python objects that would arrive as {now}. "
                "Give the column one type, .astype(...), or split it into columns"
            )


def _is_nested(kind: Any) -> bool:
    return kind.num_fields > 0


def _frame_from_arrow(table: Table) -> Frame:
    nested = [name for name in table.column_names if _is_nested(table.schema.field(name).type)]
    frame = table.to_pandas()
    for name in nested:  # lists stay lists and dicts stay dicts; pyarrow alone would make arrays of them
        if name in frame.columns:
            frame[name] = table.column(name).to_pylist()
    freq = _settings(table).get("freq")
    if freq:
        frame.index.freq = freq
    return frame


def _series_to_arrow(series: Series, pyarrow: Any) -> Table:
    name = series.name
    if name is not None and not isinstance(name, (str, int)):
        raise Unfit(f"is a Series named {name!r} ({type(name).__name__}). Name it by text: series.rename('...')")
    return _frame_to_arrow(series.to_frame("value"), pyarrow, {"name": name})


def _series_from_arrow(table: Table) -> Series:
    frame = _frame_from_arrow(table)
    if frame.shape[1] != 1:
        raise ValueError(f"a Series is expected, but the table has {frame.shape[1]} columns")
    settings = _settings(table)
    return frame.iloc[:, 0].rename(settings.get("name") if "name" in settings else frame.columns[0])


def _settings(table: Table) -> dict[str, Any]:
    metadata: dict[bytes, bytes] = table.schema.metadata or {}
    found = json.loads(metadata.get(_SETTINGS, b"{}"))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _encode_array(array: Array) -> Payload:
    numpy = importlib.import_module("numpy")
    if isinstance(array, numpy.ma.MaskedArray):
        raise Unfit("is a masked array. Pass array.filled(...), or data and mask apart")
    if array.dtype.hasobject:
        raise Unfit("is an array of Python objects, which would need pickle. Give it a dtype: array.astype(...)")
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    shape: dict[str, Any] = {
        "dtype": numpy.lib.format.dtype_to_descr(array.dtype),
        "shape": array.shape,
        "order": order,
    }
    metadata = {
        "encoding": NDARRAY.encode(),
        "format": str(_FORMAT).encode(),
        "array": json.dumps(shape, separators=(",", ":")).encode(),
    }
    return Payload(metadata=metadata, data=array.tobytes(cast("Any", order)))


def _decode_array(payload: Payload) -> Array:
    numpy = importlib.import_module("numpy")
    told = json.loads(payload.metadata["array"])
    dtype = numpy.lib.format.descr_to_dtype(_as_descr(told["dtype"]))
    shape = tuple(int(length) for length in told["shape"])
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(payload.data):
        raise ValueError(f"{len(payload.data)} bytes do not make an array of {dtype} with shape {shape}")
    # A copy in a bytearray, because arrays over bytes can't be written to.
    flat = numpy.frombuffer(bytearray(payload.data), dtype)
    return flat.reshape(shape, order="F" if told["order"] == "F" else "C")


def _as_descr(told: Any) -> Any:
    """NumPy's description of a dtype, whose tuples JSON made lists of."""
    if isinstance(told, str):
        return told
    fields = cast("Sequence[Sequence[Any]]", told)
    return [(_as_title(field[0]), _as_descr(field[1]), *map(tuple, field[2:])) for field in fields]


def _as_title(title: Any) -> Any:
    return title if isinstance(title, str) else tuple(title)
