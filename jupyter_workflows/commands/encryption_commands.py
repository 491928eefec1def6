"""The command about the keys that encrypt the values of runs."""

from __future__ import annotations

import os
from argparse import Namespace

from ..errors import CommandError
from ..local import runtime
from ..local.server import NAMESPACE
from ..security import keyrings
from ..security.encryption import KeyRing
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts

NEW_WRAPPING_VARIABLE = "JUPYTER_WORKFLOWS_NEW_WRAPPING_KEY"


def encryption(session: Session, arguments: Namespace) -> Outcome:
    """`encryption`.

    Raises:
        CommandError: The runtime is up and would go on without.
        EncryptionFailed: The keys can't be had, made or written.
    """
    keys = session.home.keys
    namespace = session.settings.namespace if session.settings else NAMESPACE
    match arguments.action:
        case "on":
            refuse_while_up(session)
            keyrings.turn_on(keys, namespace, arguments.source)
        case "rotate":
            keyrings.rotate(keys, namespace)
        case "rewrap":
            keyrings.rewrap(keys, keyrings.wrapping_key(), keyrings.wrapping_key(NEW_WRAPPING_VARIABLE))
            return Outcome(data={"rewrapped": True}, shown=Facts(rewrapped(), [("file", str(keys / keyrings.FILE))]))
        case _:
            pass
    read = keyrings.ring_reader(keys, namespace)
    return told(session, read() if read else None)


def refuse_while_up(session: Session) -> None:
    """Refuses to turn encryption on where worker hosts would go on without.

    Raises:
        CommandError: The runtime is up.
    """
    if session.settings is None and runtime.status(session.home).state != "stopped":
        raise CommandError(
            "worker hosts that are up would go on without encryption: `jupyter workflows down`, turn it on, and "
            "restart open kernels"
        )


def rewrapped() -> str:
    """What a rewrap has come to."""
    if os.environ.get(NEW_WRAPPING_VARIABLE):
        return f"the keys are wrapped anew: set {keyrings.WRAPPING_VARIABLE} to the new key from now on"
    return f"the keys are wrapped no more: unset {keyrings.WRAPPING_VARIABLE}"


def told(session: Session, ring: KeyRing | None) -> Outcome:
    """Whether encryption is on, and the ids of the keys."""
    if ring is None:
        shown = Facts(
            Cell("values are not encrypted", "waiting"),
            [("home", str(session.home.data))],
            note="`encryption on` encrypts what runs take, give, write and fail with, before it leaves the process.",
        )
        return Outcome(data={"on": False, "current": None, "keys": []}, shown=shown)
    source = (
        keyrings.KEYS_VARIABLE if os.environ.get(keyrings.KEYS_VARIABLE) else str(session.home.keys / keyrings.FILE)
    )
    others = [name for name in ring.keys if name != ring.current]
    facts = [("current key", ring.current), ("older keys", ", ".join(others) or "none"), ("source", source)]
    shown = Facts(
        Cell("✓ values are encrypted", "good"), facts, note="Who loses the keys loses the values: keep a copy."
    )
    return Outcome(data={"on": True, "current": ring.current, "keys": list(ring.keys)}, shown=shown)
