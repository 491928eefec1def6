"""The cell in execution as a span: the root of what it starts."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .names import CELL, CELL_NUMBER
from .tracing import fail, provider, tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@dataclass
class OpenCell:
    """A cell in execution.

    Attributes:
        kept: Whether anything came of it that has it as its parent; otherwise it is never sent.
    """

    span: Span
    token: Any
    kept: bool = field(default=False)


_open: list[OpenCell] = []


def begin(cell_id: str | None, number: int | None) -> None:
    """A cell begins."""
    made = tracer()
    if made is None:
        return
    from opentelemetry import context, trace

    watch()
    span = made.start_span(f"cell [{number}]" if number is not None else "cell", context=context.Context())
    span.set_attribute(CELL, cell_id or "")
    if number is not None:
        span.set_attribute(CELL_NUMBER, number)
    _open.append(OpenCell(span, context.attach(trace.set_span_in_context(span))))


def end(error: BaseException | None) -> None:
    """The cell that began last ends."""
    if not _open:
        return
    cell = _open.pop()
    # A cell that awaits ran in a task of its own: its context is gone already.
    with contextlib.suppress(ValueError):
        cell.token.var.reset(cell.token)
    if error is not None:
        fail(cell.span, type(error).__name__)
    if cell.kept:
        cell.span.end()


def keep() -> None:
    """Something was sent to a run: where a cell did it, the cell is its parent."""
    if not _open:
        return
    from opentelemetry import trace

    current = trace.get_current_span().get_span_context()
    for cell in _open:
        if cell.span.get_span_context().trace_id == current.trace_id:
            cell.kept = True


def watch() -> None:
    """Sees to it, once, that a cell with spans of the user's own is sent."""
    from opentelemetry.sdk.trace import SpanProcessor

    class Watch(SpanProcessor):
        """Told of each span that begins."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
            """Keeps the cell that is its parent."""
            for cell in _open:
                if span.parent and span.parent.span_id == cell.span.get_span_context().span_id:
                    cell.kept = True

    made = provider()
    if made is not None and not getattr(made, "_watches_cells", False):
        made._watches_cells = True
        made.add_span_processor(Watch())
