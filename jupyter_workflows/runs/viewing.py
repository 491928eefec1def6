"""The seam where a live view comes in: what displays itself asks the viewer of its process, if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Viewer = Callable[[Any], bool]
_viewer: Viewer | None = None


def set_viewer(viewer: Viewer | None) -> None:
    """Makes a viewer the one of this process; None ends it.

    Args:
        viewer: Displays an object and says whether it did.
    """
    global _viewer
    _viewer = viewer


class Viewable:
    """Something a viewer may display; where there is none, or it can't, IPython goes on with text and static HTML."""

    def _ipython_display_(self) -> None:
        """Displays itself by the viewer.

        Raises:
            NotImplementedError: IPython's word for: take another way.
        """
        if _viewer is None or not _viewer(self):
            raise NotImplementedError
