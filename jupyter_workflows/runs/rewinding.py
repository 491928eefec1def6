"""The seam between a run and what can replay it: a kernel or a terminal plugs in; a server runs no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import ReplayFailed

if TYPE_CHECKING:
    from ..replay.moments import Moment
    from ..replay.whatif import WhatIf
    from .handle import Run

UNSET: Any = object()


class Rewinder(Protocol):
    """What executes workflow code over the history of a run."""

    def at(self, run: Run[Any], step: str, *, cells: bool) -> Any:
        """The variables of the code where it asked for a step."""
        ...

    def what_if(self, run: Run[Any], step: str, *, cells: bool, **instead: Any) -> Any:
        """What the code would ask for, had a step had another result."""
        ...


_rewinder: Rewinder | None = None


def set_rewinder(rewinder: Rewinder | None) -> None:
    """Makes `rewinder` the one of this process."""
    global _rewinder
    _rewinder = rewinder


def current_rewinder() -> Rewinder:
    """The rewinder in force.

    Raises:
        ReplayFailed: There is none: this process runs no workflow code.
    """
    if _rewinder is None:
        raise ReplayFailed("a run is replayed in a notebook or a terminal: this process runs no workflow code")
    return _rewinder


class Rewindable:
    """What a run offers where its code can be run over what it did."""

    def at(self, step: str, *, cells: bool = False) -> Moment:
        """The variables of the workflow where it asked for a step, as live objects: `run.at("rate-2")["score"]`.

        The code is run over what the run did; no step runs and the run is not touched. The values are copies. Of what
        can't be copied, `scopes[0].left_out` says why.

        Args:
            step: The step's id.
            cells: Whether the current cells are run; by default the code that the run runs on, where it is at hand.

        Raises:
            ReplayFailed: The run has no such step, or the code doesn't come to it.
        """
        return current_rewinder().at(cast("Run[Any]", self), step, cells=cells)

    def what_if(
        self,
        step: str,
        *,
        result: Any = UNSET,
        raises: BaseException | None = None,
        approved: bool | None = None,
        value: Any = UNSET,
        cells: bool = False,
    ) -> WhatIf:
        """What the workflow would ask for next, had a step ended otherwise. The run is not touched.

        Args:
            step: The step's id.
            result: What an activity or a child run gives instead.
            raises: What it fails with instead.
            approved: How an approval is decided instead.
            value: The editable value with which it is approved.
            cells: Whether the current cells are run; by default the code that the run runs on, where it is at hand.

        Raises:
            ReplayFailed: The run has no such step, the code doesn't come to it, or it can't end so.
        """
        given: dict[str, Any] = {"raises": raises, "approved": approved}
        given |= {name: held for name, held in (("result", result), ("value", value)) if held is not UNSET}
        return current_rewinder().what_if(cast("Run[Any]", self), step, cells=cells, **given)
