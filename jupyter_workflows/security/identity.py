"""Who acts: the local user, the key that signs what a person does, and the keys a worker trusts.

A decision, a delegation, a question, an answer, a rollback and the start of a run are signed with Ed25519 (RFC 8032)
over the canonical JSON (sorted keys, no spaces) of all their other fields. No two kinds have the same fields, so none
can be taken for another. The private key is the user's own, made on first use and readable by the user alone; a worker
needs the public keys only. A bare signal or update, from a stray process or a page in the browser, is no decision.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ..errors import ApprovalRefused
from ..schema import (
    Decision,
    SignedAct,
    SignedAnswer,
    SignedDelegation,
    SignedQuestion,
    SignedRollBack,
    SignedSchedule,
    SignedScheduleAct,
    SignedStart,
)
from .canonical import canonical
from .trusted_keys import TrustedKey, read_keys

Signed = Decision | SignedAct | SignedRollBack | SignedStart | SignedSchedule | SignedScheduleAct
S = TypeVar("S", bound=Signed)

NAMES: dict[type, str] = {
    Decision: "decision",
    SignedDelegation: "delegation",
    SignedQuestion: "question",
    SignedAnswer: "answer",
    SignedRollBack: "rollback",
    SignedStart: "start",
    SignedSchedule: "schedule",
    SignedScheduleAct: "schedule_act",
}
REMEDIES = {
    "decision": "decide",
    "delegation": "delegate",
    "question": "ask",
    "answer": "answer",
    "rollback": "roll back",
    "start": "start the run",
    "schedule": "schedule it",
}
PRIVATE_KEY = "reviewer.key"
TRUSTED = "trusted"
# A notebook's clock may be a day off the server's; that an approval is decided once does not depend on it.
CLOCK_TOLERANCE = timedelta(hours=25)
RETIRES_WITHIN = timedelta(minutes=10)


def local_user() -> str:
    """The name of the user who runs this process; `JUPYTER_WORKFLOWS_USER` names another."""
    named = os.environ.get("JUPYTER_WORKFLOWS_USER")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "local-user"


def key_id(public: bytes) -> str:
    """The id of a public key: the first 16 hex digits of its SHA-256."""
    return fingerprint(public)[:16]


def fingerprint(public: bytes) -> str:
    """SHA-256 of a public key in hex; its first 16 digits are the key's id."""
    return hashlib.sha256(public).hexdigest()


def public_key(private: bytes) -> bytes:
    """The raw public half of a private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def signed_bytes(act: Signed) -> bytes:
    """What a signature covers: every field but the signature itself."""
    return canonical(act.model_dump(mode="json", exclude={"signature"}))


def ensure_key(keys: Path) -> bytes:
    """The raw private key of the user, made on first use; many processes may ask at once.

    Args:
        keys: The directory of keys; made with mode 0700 where it is missing.

    Raises:
        ApprovalRefused: The key file can't be read or written, or is no key.
    """
    path = keys / PRIVATE_KEY
    try:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            create_key(keys, path)
        raw = path.read_bytes()
        if len(raw) != 32:
            raise ApprovalRefused(f"{path} is no reviewer key (it has {len(raw)} bytes): move it away to get a new one")
        trust(keys, raw)
    except OSError as error:
        raise ApprovalRefused(f"the reviewer key {path} can't be used: {error.strerror}: make it yours again") from None
    return raw


def create_key(keys: Path, path: Path) -> None:
    """Writes a new private key; where two processes do so at once, one of them wins."""
    draft = keys / f".{PRIVATE_KEY}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def rotate_key(keys: Path) -> tuple[str, str]:
    """Makes a new key of the user's and retires the one before; gives the ids of both, the new one first.

    What was signed with the old one a moment ago still counts for some minutes.

    Args:
        keys: The directory of keys.

    Raises:
        ApprovalRefused: The key can't be read or written.
    """
    old = public_key(ensure_key(keys))
    retired = TrustedKey(old, local_user(), retired_at=datetime.now(UTC) + RETIRES_WITHIN)
    try:
        path = keys / TRUSTED / f"{key_id(old)}.json"
        write_private(path, json.dumps({"keys": [retired.as_jwk(key_id(old))]}, indent=1).encode())
        fresh = keys / f".{PRIVATE_KEY}.{secrets.token_hex(8)}"
        write_private(fresh, secrets.token_bytes(32))
        # Trusted before it is used.
        trust(keys, fresh.read_bytes())
        fresh.replace(keys / PRIVATE_KEY)
    except OSError as error:
        raise ApprovalRefused(f"the reviewer key in {keys} can't be changed: {error.strerror}: make it yours") from None
    return key_id(public_key(ensure_key(keys))), key_id(old)


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that the user alone can read; readers see the old or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def trust(keys: Path, private: bytes) -> None:
    """Puts the public half of a private key among those that workers of this home trust."""
    public = public_key(private)
    path = keys / TRUSTED / f"{key_id(public)}.pub"
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, base64.b64encode(public))


def sign(act: S, private: bytes) -> S:
    """The act with the key's id and signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(private)
    named = act.model_copy(update={"key_id": key_id(key.public_key().public_bytes_raw()), "signature": ""})
    return named.model_copy(update={"signature": base64.b64encode(key.sign(signed_bytes(named))).decode()})


def public_keys(folder: Path) -> dict[str, bytes]:
    """The public keys in a folder by their ids; a file that is none, or has another's name, does not count."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            public = base64.b64decode(path.read_bytes(), validate=True)
        except (OSError, ValueError):
            continue
        if key_id(public) == path.stem:
            found[path.stem] = public
    return found


class TrustedKeys:
    """The public keys whose decisions the workers of one home take.

    Args:
        keys: The home's directory of keys.
        only: A directory or file of public keys that alone count, see `trusted_keys`; no key of one's own is made then.
    """

    def __init__(self, keys: Path, *, only: Path | None = None) -> None:
        self.keys = keys
        self.only = only
        self._known: dict[str, TrustedKey] = {}

    def __len__(self) -> int:
        return len(self._known)

    def load(self) -> None:
        """Reads the keys as they are now; called outside workflow code.

        Raises:
            ApprovalRefused: The user's own key can't be read or made, or a set of keys makes no sense.
        """
        if self.only is None:
            ensure_key(self.keys)
        self._known = read_keys(self.only or self.keys / TRUSTED, key_id)

    def changed_at(self) -> int | None:
        """A number that is another one when the keys have changed; one `stat`."""
        try:
            return (self.only or self.keys / TRUSTED).stat().st_mtime_ns
        except OSError:
            return None

    def distrust(self, act: Signed, at: datetime | None = None) -> str | None:
        """Why a signature is not trusted, as a sentence; None when it is.

        Touches no file and no clock, so a workflow's validator may call it.

        Args:
            act: What was signed, as it arrived.
            at: When it arrived, by the workflow's time; None where it does not matter that its key was retired.
        """
        what = NAMES[type(act)]
        known = self._known.get(act.key_id)
        if not act.signature or known is None:
            here = f"{REMEDIES[what]} in the notebook or a terminal"
            return f"the {what} is not signed by a reviewer this worker knows: {here}"
        if not verifies(act, known.public):
            return f"the signature does not fit the {what}: it was changed on its way"
        groups = getattr(act, "groups", ())
        return known.objection(person_of(act), groups, at)

    def rejection(self, act: Decision | SignedAct | SignedRollBack, *, at: datetime) -> str | None:
        """Why an act is not trusted, as a sentence; None when it is.

        Args:
            act: The act as it arrived.
            at: The workflow's time.
        """
        what = NAMES[type(act)]
        if reason := self.distrust(act, at):
            return reason
        if act.issued_at > at + CLOCK_TOLERANCE:
            return f"the {what} is dated in the future: check the clock of the machine it was made on"
        if at > act.expires_at + CLOCK_TOLERANCE:
            return f"the {what} is too old: look again and {REMEDIES[what]} anew"
        return None


def person_of(act: Signed) -> str:
    """In whose name something was signed."""
    if isinstance(act, Decision):
        return act.reviewer
    return act.starter if isinstance(act, (SignedStart, SignedSchedule)) else act.by


def verifies(act: Signed, public: bytes) -> bool:
    """Whether the signature is the key's, over exactly this act."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = base64.b64decode(act.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed_bytes(act))
    except (InvalidSignature, ValueError):
        return False
    return True
