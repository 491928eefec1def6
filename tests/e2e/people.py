"""An identity provider for tests: the cookie `person` says who somebody is."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import IdentityProvider, User


class CookiePeople(IdentityProvider):
    """Knows everybody who says a name."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.get_cookie("person")
        return User(username=name, name=name.title()) if name else None
