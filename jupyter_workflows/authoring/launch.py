"""The seam between a definition and what starts it: a kernel or a terminal plugs a launcher in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import AuthoringError

if TYPE_CHECKING:
    from .definitions import Workflow


class Launcher(Protocol):
    """What turns a workflow into a bundle and a bundle into a run."""

    def start(self, workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Starts a run and returns its handle at once."""
        ...

    def bundle(self, workflow: Workflow[Any, Any]) -> Any:
        """Writes the workflow's bundle and returns it."""
        ...


_launcher: Launcher | None = None


def set_launcher(launcher: Launcher | None) -> None:
    """Makes `launcher` the one that starts workflows in this process."""
    global _launcher
    _launcher = launcher


def launcher_in_force() -> Launcher | None:
    """The launcher that was set, if one was."""
    return _launcher


def current_launcher() -> Launcher:
    """The launcher in force.

    Raises:
        AuthoringError: None was set: the extension is not loaded.
    """
    if _launcher is None:
        raise AuthoringError(
            "a workflow is started from a notebook with the extension loaded: run `%load_ext jupyter_workflows` first",
            code="JW410",
        )
    return _launcher
