"""What is found in an audit file when it is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One place where a file is not what was signed.

    `record` is the number of the record, the first is 0; `field` is the field in it, empty where it is no one's.
    """

    record: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"record {self.record}" + (f", field {self.field}" if self.field else "")
        return f"{where}: {self.message}"


@dataclass
class Verdict:
    """What is to be said about an audit file.

    Attributes:
        problems: Where it was changed; empty where it is whole.
        records: The records that could be read, in order.
        signed_by: The name that the signer gave.
        fingerprint: SHA-256 of the public key that signed it, in hex; empty where no good signature is there.
        trusted: Why the key is trusted, in words; empty where it is not known here.
        acts: How many decisions and other acts of people in it carry a good signature of their own.
        remarks: What is true of the run and worth knowing, such as an act that can't be checked.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    signed_by: str = ""
    fingerprint: str = ""
    trusted: str = ""
    acts: int = 0
    remarks: list[str] = field(default_factory=list[str])

    @property
    def intact(self) -> bool:
        """Whether nothing was changed since it was signed, by whatever key."""
        return not self.problems

    @property
    def holds(self) -> bool:
        """Whether nothing was changed since it was signed by a key that is known here."""
        return self.intact and bool(self.trusted)
