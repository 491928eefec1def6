"""Bearer tokens: made, listed, revoked, and recognised; only a hash of each is stored.

A token's text is `jw_<id>_<43 random characters>`: 256 bits that nobody can guess, so a plain SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from ..errors import PublishRefused
from ..local.paths import Home, make_private_directory, read_json, write_private
from ..runs.untrusted import one_line
from ..schema.publishing import CallerToken
from ..security.identity import local_user
from .published import find_published

TEXT = re.compile(r"jw_(?P<id>[0-9a-f]{8})_[A-Za-z0-9_-]{43}")
ID = re.compile(r"[0-9a-f]{8}")
CALLER = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
MAX_DAYS = 3_650


def directory(home: Home) -> Path:
    """Where the tokens' hashes stand."""
    return home.keys / "callers"


def make_token(
    home: Home,
    caller: str,
    *,
    days: float | None = None,
    may_decide: bool = False,
    tools: Sequence[str] | None = None,
) -> tuple[CallerToken, str]:
    """A new token and its text, which is not kept.

    Args:
        home: Where its hash is stored.
        caller: Who calls with it.
        days: How long it is good; without limit by default.
        may_decide: Whether it may decide approvals of the runs it started.
        tools: What it may call; all that is published by default.

    Raises:
        PublishRefused: An option makes no sense.
        WorkflowNotFound: A tool is not published.
    """
    if not CALLER.fullmatch(caller.strip()) or not caller.isprintable():
        raise PublishRefused(f"a token needs the name of who calls, 1 to 100 characters, not {one_line(caller, 80)!r}")
    if days is not None and not 0 < days <= MAX_DAYS:
        raise PublishRefused(f"--days takes a number above 0 and up to {MAX_DAYS}, not {days:g}")
    for tool in tools or ():
        find_published(home, tool)
    home.create()
    make_private_directory(directory(home))
    now = datetime.now(UTC)
    name = secrets.token_hex(4)
    text = f"jw_{name}_{secrets.token_urlsafe(32)}"
    made = CallerToken(
        id=name,
        caller=caller.strip(),
        sha256=hash_of(text),
        made_by=local_user(),
        made_at=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
        may_decide=may_decide,
        tools=list(tools) if tools else None,
    )
    write_private(directory(home) / f"{name}.json", made.model_dump(mode="json"))
    return made, text


def hash_of(text: str) -> str:
    """What is stored of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def list_tokens(home: Home) -> list[CallerToken]:
    """All tokens, the oldest first; a file that can't be read counts for nothing."""
    found = [token for path in directory(home).glob("*.json") if (token := read_token(path))]
    return sorted(found, key=lambda token: (token.made_at, token.id))


def read_token(path: Path) -> CallerToken | None:
    """A token's file; None where it is missing or damaged."""
    with suppress(ValidationError):
        token = CallerToken.model_validate(read_json(path))
        if token.id == path.stem:
            return token
    return None


def revoke(home: Home, id: str) -> CallerToken:
    """Makes a token good for nothing, at once.

    Raises:
        PublishRefused: There is none with this id.
    """
    path = directory(home) / f"{id}.json"
    token = read_token(path) if ID.fullmatch(id) else None
    if token is None:
        known = ", ".join(each.id for each in list_tokens(home)) or "none"
        raise PublishRefused(f"there is no token {one_line(id, 80)!r}; there are: {known}")
    path.unlink(missing_ok=True)
    return token


def recognised(home: Home, text: str) -> CallerToken | None:
    """The token with this text, while it is good; its file is read each time, so a revoked one is refused at once."""
    match = TEXT.fullmatch(text)
    token = read_token(directory(home) / f"{match['id']}.json") if match else None
    if token is None or not hmac.compare_digest(token.sha256, hash_of(text)):
        return None
    return None if token.expires_at is not None and token.expires_at <= datetime.now(UTC) else token
