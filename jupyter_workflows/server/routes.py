"""The table of all routes below `<base_url>jupyter-workflows/`."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from tornado.web import RequestHandler

from .codec import CodecHandler
from .operations import OPERATIONS, Operation
from .rest import NowhereHandler, OpenApiHandler, handler_of
from .stream import StreamHandler


class Route(NamedTuple):
    """A path, as a regular expression, and what answers there: to a user who signed in, or to a ticket in the path."""

    path: str
    handler: type[RequestHandler]
    by_ticket: bool = False


def path_of(operation: Operation) -> str:
    """The path of an operation; a parameter is one segment, in which `/` is written `%2F`."""
    return operation.path


def pattern(path: str) -> str:
    """The regular expression of a path with `{name}` for parameters."""
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)


ROUTES: tuple[Route, ...] = (
    Route("stream", StreamHandler),
    Route(r"api/openapi\.json", OpenApiHandler),
    *(
        Route(pattern(path), handler_of(list(operations)))
        for path, operations in groupby(sorted(OPERATIONS, key=path_of), path_of)
    ),
    Route(r"codec/(?P<ticket>[\w-]{43})/(?P<way>encode|decode)", CodecHandler, by_ticket=True),
    Route(r"(?P<path>api(?:/.*)?)", NowhereHandler),
)
