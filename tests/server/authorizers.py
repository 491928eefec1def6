"""An authorizer for tests: denies the rights that the header `X-Deny` of a request names."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer


class HeaderAuthorizer(Authorizer):
    """Allows all but what a request itself wants denied."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return f"{action} {resource}" not in handler.request.headers.get("X-Deny", "").split(", ")
