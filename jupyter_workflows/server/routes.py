"""The table of all routes below `<base_url>jupyter-workflows/`."""

from __future__ import annotations

from typing import NamedTuple

from tornado.web import RequestHandler

from .stream import StreamHandler


class Route(NamedTuple):
    """A path and what answers there."""

    path: str
    handler: type[RequestHandler]


ROUTES: tuple[Route, ...] = (Route("stream", StreamHandler),)
