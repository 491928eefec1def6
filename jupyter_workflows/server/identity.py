"""Who decides: the user whom the Jupyter server has authenticated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider, User

from ..errors import ApprovalRefused
from ..runs.untrusted import one_line
from ..security.identity import local_user
from ..security.workspaces import Person

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


def groups_of(user: Any) -> frozenset[str]:
    """The groups that whoever signed a user in says they are in.

    JupyterHub tells them in `hub_user` to servers whose scope has `read:users:groups`; an identity provider of one's
    own gives a user the attribute `groups`.
    """
    told = getattr(user, "groups", None)
    if told is None:
        hub_user = getattr(user, "hub_user", None)
        told = cast("dict[str, Any]", hub_user).get("groups") if isinstance(hub_user, dict) else None
    if isinstance(told, str) or not isinstance(told, Iterable):
        return frozenset()
    return frozenset(name for name in cast("Iterable[Any]", told) if isinstance(name, str))


def person_here(handler: Any) -> Person:
    """The user of a request, with the groups that whoever signed them in and the file of roles put them into.

    Raises:
        WorkspacesInvalid: The file can't be used.
    """
    person = Person(reviewer_here(handler), groups_of(handler.current_user))
    workspaces = handler.settings["jupyter_workflows"].workspaces.read()
    return workspaces.known(person) if workspaces else person
