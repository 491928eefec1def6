"""The command about the keys that encrypt the values of runs."""

from __future__ import annotations

import os
import time
from argparse import Namespace

from ..connection import loop_thread
from ..errors import CommandError
from ..local import runtime
from ..local.server import NAMESPACE
from ..runs.access import RunAccess
from ..runs.erasure import Opened, opened_by
from ..runs.text import count_words
from ..security import keyrings
from ..security.encryption import KeyRing
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Several, Shown, Table

LISTED = 20
LIST_BEHIND_SECONDS = 2.0
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
        case "add":
            keyrings.add_purpose(keys, namespace, wanted_key(arguments), arguments.runs or "")
        case "destroy":
            return destroyed(session, arguments, namespace)
        case "rewrap":
            keyrings.rewrap(keys, keyrings.wrapping_key(), keyrings.wrapping_key(NEW_WRAPPING_VARIABLE))
            return Outcome(data={"rewrapped": True}, shown=Facts(rewrapped(), [("file", str(keys / keyrings.FILE))]))
        case _:
            pass
    read = keyrings.ring_reader(keys, namespace)
    return told(session, read() if read else None)


def wanted_key(arguments: Namespace) -> str:
    """The key that the command is about.

    Raises:
        CommandError: None is named.
    """
    if not arguments.name:
        raise CommandError(f"`encryption {arguments.action}` needs the key's name: `encryption` lists those there are")
    return arguments.name


def destroyed(session: Session, arguments: Namespace, namespace: str) -> Outcome:
    """`encryption destroy`: says what becomes unreadable; with `--yes` it does.

    Raises:
        CommandError: No key is named, or runs that need it are open.
        EncryptionFailed: There is no such key, or it is in use.
    """
    keys, name = session.home.keys, wanted_key(arguments)
    read = keyrings.ring_reader(keys, namespace)
    if read is None:
        raise CommandError("values are not encrypted here: there is no key to destroy")
    ring = read()
    keyrings.destroyable(ring, name)
    access = RunAccess.of(session.client(), session.home)
    found = loop_thread().run(opened_by(access, ring, name))
    if arguments.yes:
        if not found.open:
            # Temporal's list is a little behind: a run that was just started must not lose its key.
            time.sleep(LIST_BEHIND_SECONDS)
            found = loop_thread().run(opened_by(access, ring, name))
        if found.open:
            listed = ", ".join(run.id for run in found.open[:5])
            raise CommandError(
                f"{len(found.open)} open runs need the key {name!r} ({listed}): let them end or terminate them first"
            )
        keyrings.destroy(keys, namespace, name)
    data = {"key": name, "destroyed": bool(arguments.yes), "complete": found.complete, "runs": found.runs}
    return Outcome(data=data, shown=destroyed_shown(found, name, done=bool(arguments.yes)))


def destroyed_shown(found: Opened, name: str, *, done: bool) -> Shown:
    """What becomes or became unreadable."""
    count = count_words(len(found.runs), "run")
    more = "" if found.complete else f", of the newest {found.looked_at:,} runs; older ones were not looked at"
    if done:
        headline = Cell(f"✓ the key {name} is destroyed: the values of {count} are erased{more}", "good")
        note = "Copies of the key, in backups of this file too, still open them: destroy those as well."
    else:
        headline = Cell(f"destroying {name} makes the values of {count} unreadable for ever{more}", "waiting")
        note = "Nothing is destroyed yet: --yes does it. It can't be undone."
    rows = [[run.id, run.workflow, run.status.replace("_", " ")] for run in found.runs[:LISTED]]
    left = len(found.runs) - LISTED
    tail = f"{left:,} more; --json lists all" if left > 0 else ""
    table = Table(["run", "workflow", "state"], rows, "no run holds values of it", flexible=["run"], note=tail)
    return Several([Facts(headline, [], note=note), table])


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
    own = {name: pattern for pattern, name in ring.purposes.items() if name in ring.keys}
    others = [name for name in ring.keys if name != ring.current and name not in own]
    facts = [
        ("current key", ring.current),
        ("older keys", ", ".join(others) or "none"),
        ("for single runs", ", ".join(f"{name} ({pattern})" for name, pattern in own.items())),
        ("destroyed", ", ".join(f"{name} ({when})" for name, when in ring.destroyed.items())),
        ("source", source),
    ]
    shown = Facts(
        Cell("✓ values are encrypted", "good"), facts, note="Who loses the keys loses the values: keep a copy."
    )
    known = {"purposes": dict(ring.purposes), "destroyed": dict(ring.destroyed)}
    return Outcome(data={"on": True, "current": ring.current, "keys": list(ring.keys), **known}, shown=shown)
