"""The public keys whose decisions a worker takes, and for whom each may speak.

A directory holds them, or one file does; each is `<key id>.pub`, which may speak for anybody, or a JSON Web Key Set
(RFC 7517, RFC 8037) with members of our own that say more:

    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "...", "kid": "0a1b2c3d4e5f6071", "issuer": "hub.company.com",
               "persons": ["ada"], "groups": ["risk"], "retired_at": "2026-12-01T00:00:00Z"}]}

Without `persons` a key may speak for anybody, as that of a Jupyter server has to, and vouch for any group; with it, for
these alone and for the `groups` that are named. A key that is retired counts for what was sent until then, by the
workflow's time, so it can be taken away once no run from before is open. Histories replay without any of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ..errors import ApprovalRefused

MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class TrustedKey:
    """A public key, and for whom it may speak.

    Args:
        public: The raw Ed25519 key, 32 bytes.
        issuer: Who holds its private half; for people to read.
        persons: For whom it may speak, in lower case; None for anybody.
        groups: For which groups it may vouch, in lower case; None for any.
        retired_at: Until when it counts; None for without end.
    """

    public: bytes = field(repr=False)
    issuer: str = ""
    persons: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    retired_at: datetime | None = None

    def objection(self, person: str, groups: Iterable[str], at: datetime | None) -> str | None:
        """Why the key may not say what it says, as part of a sentence; None where it may.

        Args:
            person: For whom it speaks.
            groups: The groups that it says the person is in.
            at: When it was said, by the workflow's time; None where that does not matter.
        """
        whose = f" of {self.issuer}" if self.issuer else ""
        if self.retired_at is not None and at is not None and at > self.retired_at:
            return f"the key{whose} was retired at {self.retired_at:%Y-%m-%d %H:%M:%S} UTC: sign in anew"
        if self.persons is not None and person.casefold() not in self.persons:
            return f"the key{whose} may not speak for {person[:80]}: it is the key of {', '.join(sorted(self.persons))}"
        if self.groups is not None:
            for group in groups:
                if group.casefold() not in self.groups:
                    return f"the key{whose} may not vouch that {person[:80]} is in the group {group[:80]}"
        return None

    def as_jwk(self, key_id: str) -> dict[str, Any]:
        """The key as a member of a JSON Web Key Set."""
        told: dict[str, Any] = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64.urlsafe_b64encode(self.public).rstrip(b"=").decode(),
            "kid": key_id,
            "use": "sig",
        }
        if self.issuer:
            told["issuer"] = self.issuer
        for name, names in (("persons", self.persons), ("groups", self.groups)):
            if names is not None:
                told[name] = sorted(names)
        if self.retired_at is not None:
            told["retired_at"] = self.retired_at.isoformat()
        return told


def read_keys(place: Path, key_id: Any) -> dict[str, TrustedKey]:
    """All keys of a directory, or of one file.

    Args:
        place: The directory or file.
        key_id: Gives the id of a raw public key.

    Raises:
        ApprovalRefused: A key set makes no sense; names it.
    """
    files = sorted(place.glob("*")) if place.is_dir() else [place]
    found: dict[str, TrustedKey] = {}
    for path in files:
        if path.suffix == ".pub":
            key = read_plain(path)
            if key is not None and key_id(key.public) == path.stem:
                found.setdefault(path.stem, key)
        elif path.suffix in (".json", ".jwks"):
            # What a key set says of a key counts, also where the key stands beside it.
            found.update({key_id(key.public): key for key in read_set(path, key_id)})
    return found


def read_plain(path: Path) -> TrustedKey | None:
    """The key of a file that holds it alone; None where it holds none."""
    try:
        return TrustedKey(base64.b64decode(path.read_bytes(), validate=True))
    except (OSError, ValueError):
        return None


def read_set(path: Path, key_id: Any) -> list[TrustedKey]:
    """The Ed25519 keys of a JSON Web Key Set; keys of other kinds are left out, as RFC 7517 wants it.

    Raises:
        ApprovalRefused: It can't be read, or makes no sense.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_FILE_BYTES:,} bytes")
        content: Any = json.loads(path.read_bytes())
        return [
            key_of(cast("dict[str, Any]", jwk), key_id)
            for jwk in content["keys"]
            if (jwk.get("kty"), jwk.get("crv")) == ("OKP", "Ed25519")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ApprovalRefused(f"{path} is no set of keys: {error}: write it anew by `keys export`") from None


def key_of(jwk: dict[str, Any], key_id: Any) -> TrustedKey:
    """One key of a set.

    Raises:
        ValueError: It makes no sense.
    """
    text = str(jwk["x"])
    public = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    name = jwk.get("kid")
    if len(public) != 32 or name not in (None, key_id(public)):
        raise ValueError(f"the key {str(name)[:40]!r} is no Ed25519 key of that id")
    retired = jwk.get("retired_at")
    at = datetime.fromisoformat(retired) if retired is not None else None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return TrustedKey(
        public, str(jwk.get("issuer", "")), names_of(jwk, "persons"), names_of(jwk, "groups", jwk.get("persons")), at
    )


def names_of(jwk: dict[str, Any], name: str, narrows: object = None) -> frozenset[str] | None:
    """The names that a key is for, in lower case; None for all.

    Args:
        jwk: The key.
        name: The member that lists them.
        narrows: A member whose presence means that what is not listed does not count.

    Raises:
        ValueError: They are no list of names.
    """
    names = jwk.get(name)
    if names is None:
        return frozenset() if narrows is not None else None
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise ValueError(f"{name} is no list of names")
    if not all(isinstance(each, str) and each for each in cast("Sequence[Any]", names)):
        raise ValueError(f"{name} holds what is no name")
    return frozenset(str(each).casefold() for each in cast("Sequence[Any]", names))
