"""Whether an audit file is what was signed, and by whom; if not, where it was changed. Needs no server and no clock."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from ...security.canonical import canonical
from ...security.identity import fingerprint, key_id
from .acts import check_acts
from .chain import FIELDS, FIRST, SIGNATURE, hash_of, signed_bytes, sum_of
from .verdict import Problem, Verdict

MOST_PROBLEMS = 50
# A text without its end goes on to the end of the line: each byte is looked at once.
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}\[\],]', re.DOTALL)


def verify(data: bytes, trusted: Mapping[str, str]) -> Verdict:
    """Checks every record, the chain and the signature.

    Args:
        data: The file.
        trusted: Fingerprint of each key that is trusted to why, in words.
    """
    verdict = Verdict()
    found = verdict.problems
    lines = data.split(b"\n")
    if lines[-1]:
        found.append(Problem(len(lines) - 1, "", "the file is cut off, or something was added: no line end at its end"))
    else:
        lines.pop()
    followed = {FIRST}
    for number, line in enumerate(lines):
        record, problems = read_record(number, line)
        if record is None:
            found += problems
            followed = set[str]()
            continue
        problems += chain_problems(number, record, followed)
        found += problems
        verdict.records.append(record)
        followed = {hash_of(record), str(record["hash"])} if problems else {str(record["hash"])}
    check_signature(verdict, len(lines), trusted)
    if verdict.intact:
        check_acts(verdict.records, verdict)
    del found[MOST_PROBLEMS:]
    return verdict


def read_record(number: int, line: bytes) -> tuple[dict[str, Any] | None, list[Problem]]:
    """A line as a record, and what is wrong in it by itself."""
    try:
        record = json.loads(line.decode("ascii"))
        again = canonical(record)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        position = error.start if isinstance(error, UnicodeDecodeError) else error.pos
        return None, [Problem(number, near(line, position), f"it is no JSON any more at byte {position} of its line")]
    except (ValueError, RecursionError):
        return None, [Problem(number, "", "it is no JSON that such a file can hold")]
    if not is_record(record):
        return None, [Problem(number, near(line, 0), "it lacks a field of a record, or has one too many")]
    if again != line:
        differs = next((at for at, (one, other) in enumerate(zip(line, again, strict=False)) if one != other), 0)
        return record, [Problem(number, near(line, differs), "its text was changed, in a way that means the same")]
    return record, content_problems(number, record)


def is_record(value: Any) -> bool:
    """Whether it has the shape of a record."""
    if not isinstance(value, dict) or set(cast("dict[str, Any]", value)) != FIELDS:
        return False
    record = cast("dict[str, Any]", value)
    texts = all(isinstance(record[name], str) for name in ("hash", "previous", "type"))
    return texts and type(record["number"]) is int and all(isinstance(record[name], dict) for name in ("body", "sums"))


def near(line: bytes, position: int) -> str:
    """The field of the body around a byte, else the field of the record; empty where it can't be told."""
    names: list[str] = []
    before = b""
    for token in TOKEN.finditer(line, 0):
        if token.start() > position:
            break
        text = token.group()
        if text in (b"{", b"["):
            names.append("")
        elif text in (b"}", b"]"):
            del names[-1:]
        elif names and before in (b"{", b",") and line[token.end() : token.end() + 1] == b":":
            names[-1] = text[1:-1].decode("ascii", "replace")
        before = text
    return next((name for name in names[1:2] if name), names[0] if names else "")


def content_problems(number: int, record: dict[str, Any]) -> list[Problem]:
    """Where a record's content is not what its hash was made of."""
    if hash_of(record) == record["hash"]:
        return []
    body, sums = record["body"], record["sums"]
    values = {**body, "type": record["type"]}
    changed = [name for name in values if sums.get(name) != sum_of(values[name])]
    problems = [Problem(number, name, "it was changed") for name in changed if name in sums]
    problems += [Problem(number, name, "it was added") for name in changed if name not in sums]
    problems += [Problem(number, name, "it was removed") for name in sums if name not in values]
    if record["number"] != number:
        problems.append(Problem(number, "number", "it was changed"))
    return problems


def chain_problems(number: int, record: dict[str, Any], followed: set[str]) -> list[Problem]:
    """Where a record does not follow the one before."""
    fits = not followed or record["previous"] in followed
    whole = hash_of(record) == record["hash"]
    if whole and record["number"] != number:
        message = f"record {record['number']} stands here: records were removed, added or moved"
        return [Problem(number, "number", message)]
    if not fits and whole:
        message = "it does not follow the record before: one of the two was exchanged, or some between were removed"
        return [Problem(number, "previous", message)]
    if not fits:
        return [Problem(number, "previous", "it was changed, or the record before it was exchanged")]
    if not whole and not content_problems(number, record):
        return [Problem(number, "hash", "it was changed")]
    return []


def check_signature(verdict: Verdict, lines: int, trusted: Mapping[str, str]) -> None:
    """Checks the last record, and who signed."""
    found = verdict.problems
    signatures = [record for record in verdict.records if record["type"] == SIGNATURE]
    if not signatures:
        found.append(Problem(max(0, lines - 1), "", "the file is cut off here: no signature follows"))
        return
    record = signatures[0]
    number, body = record["number"], record["body"]
    if record is not verdict.records[-1]:
        found.append(Problem(number + 1, "", "it stands after the signature: it was added"))
    if problem := signature_problem(record):
        found.append(Problem(number, problem, "the signature does not fit"))
        return
    verdict.signed_by, verdict.fingerprint = str(body["signed_by"]), str(body["fingerprint"])
    verdict.trusted = trusted.get(verdict.fingerprint, "")


def signature_problem(record: dict[str, Any]) -> str:
    """The field of a signature's record that does not fit; empty where all do."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    body, number = record["body"], record["number"]
    if body.get("algorithm") != "Ed25519" or body.get("records") != number:
        return "records"
    public, signature = bytes_of(body.get("public_key")), bytes_of(body.get("signature"))
    if public is None or len(public) != 32:
        return "public_key"
    if body.get("fingerprint") != fingerprint(public):
        return "fingerprint"
    if body.get("key_id") != key_id(public):
        return "key_id"
    if signature is None:
        return "signature"
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed_bytes(number, record["previous"], body))
    except (InvalidSignature, ValueError):
        return "signature"
    return ""


def bytes_of(text: Any) -> bytes | None:
    """What a base64 text holds; None for what is none, or not the one text of its bytes."""
    try:
        data = base64.b64decode(str(text), validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None
