"""The command about the keys that decisions are signed with."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any

from ..security.identity import TRUSTED, ensure_key, key_id, local_user, public_key, rotate_key
from ..security.trusted_keys import TrustedKey, read_keys
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Page, Table, escaped


@dataclass(frozen=True)
class Plain:
    """A text that others read as it is."""

    content: str

    def text(self, page: Page) -> str:
        """The text."""
        del page
        return self.content

    def html(self) -> str:
        """The text, as it is."""
        return f"<pre>{escaped(self.content, 100_000)}</pre>"


def keys(session: Session, arguments: Namespace) -> Outcome:
    """`keys`.

    Raises:
        ApprovalRefused: A key can't be read, made or written.
    """
    place = session.home.keys
    own = public_key(ensure_key(place))
    match arguments.action:
        case "rotate":
            new, old = rotate_key(place)
            facts = [("new key", new), ("retired", old)]
            note = "Workers elsewhere that trust the old key need the new one: `keys export`."
            return Outcome(
                data={"new": new, "retired": old},
                shown=Facts(Cell("✓ you sign with a new key", "good"), facts, note=note),
            )
        case "export":
            name = local_user()
            key = TrustedKey(own, issuer=name, persons=frozenset({name.casefold()}))
            data = {"keys": [key.as_jwk(key_id(own))]}
            return Outcome(data=data, shown=Plain(json.dumps(data, indent=1)))
        case _:
            return listed(read_keys(place / TRUSTED, key_id), key_id(own))


def listed(known: dict[str, TrustedKey], own: str) -> Outcome:
    """All keys that are trusted here."""
    rows: list[list[Cell | str | None]] = []
    data: list[dict[str, Any]] = []
    for name, key in sorted(known.items(), key=lambda item: (item[0] != own, item[0])):
        retired = f"{key.retired_at:%Y-%m-%d %H:%M} UTC" if key.retired_at else ""
        speaks = ", ".join(sorted(key.persons)) if key.persons is not None else "anybody"
        rows.append([name, "yours" if name == own else key.issuer, speaks, retired])
        told = replace(key).as_jwk(name)
        data.append({"id": name, "own": name == own, **{k: told.get(k) for k in ("issuer", "persons", "retired_at")}})
    shown = Table(["KEY", "ISSUER", "SPEAKS FOR", "RETIRED"], rows, empty="no key is trusted here")
    return Outcome(data=data, shown=shown)
