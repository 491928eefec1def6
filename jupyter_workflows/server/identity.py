"""Who decides: the user whom the Jupyter server has authenticated."""

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider, User

from ..errors import ApprovalRefused
from ..runs.untrusted import one_line
from ..security.identity import local_user

# What `IdentityProvider.generate_anonymous_user` gives: `uuid.uuid4().hex`.
ANONYMOUS = re.compile(r"[0-9a-f]{32}")
SINGLE_USER = (IdentityProvider.get_user, IdentityProvider.generate_anonymous_user)


def is_single_user(provider: IdentityProvider) -> bool:
    """Whether the server knows no people, only who has its token or password."""
    kind = type(provider)
    own = (getattr(kind, "get_user", None), getattr(kind, "generate_anonymous_user", None))
    return isinstance(provider, (IdentityProvider, PasswordIdentityProvider)) and own == SINGLE_USER


def reviewer_of(user: User, provider: IdentityProvider) -> str:
    """The name under which a user's decisions are recorded.

    A server with a token or password has one user, whom it gives a random name for each browser; that is the user who
    runs it.
    """
    if is_single_user(provider) and ANONYMOUS.fullmatch(user.username):
        return local_user()
    return user.username


def refuse_another(named: str | None, reviewer: str) -> None:
    """Refuses a decision in somebody else's name.

    Raises:
        ApprovalRefused: It is one.
    """
    if named not in (None, "", reviewer):
        raise ApprovalRefused(
            f"you are {one_line(reviewer, 80)} here and can't decide as {one_line(named, 80)}: "
            "leave the reviewer out, or sign in as that person"
        )


def reviewer_here(handler: Any) -> str:
    """The name under which the user of a request decides."""
    return reviewer_of(handler.current_user, handler.identity_provider)
