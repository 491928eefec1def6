"""`%load_ext jupyter_workflows`: what a notebook gets.

Loading notes the cells that are executed, adds `%%workflow`, `%%activity` and `%workflow` with their completion,
shows errors as messages, and warms the runtime in the background.
"""

from __future__ import annotations

from typing import Any

_loaded: dict[int, Any] = {}


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext jupyter_workflows`."""
    from .extension import Extension

    if id(shell) not in _loaded:
        _loaded[id(shell)] = Extension(shell)
        _loaded[id(shell)].load()


def bundled(workflow: str) -> str:
    """Bundles a workflow from the cells as they were last run: for JupyterLab, which resumes on the newest bundle.

    Returns:
        The bundle's directory name; empty where the notebook has no such workflow.

    Raises:
        ClosureError: It can't run outside the notebook.
    """
    from ..notebook.catalog import live_workflows
    from ..session import current

    session = current()
    live = live_workflows(session.namespace).get(workflow)
    return session.bundle(live).path.name if live else ""


def unload_ipython_extension(shell: Any) -> None:
    """Called by `%unload_ext jupyter_workflows`; runs go on without it."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.unload()
