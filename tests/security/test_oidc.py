"""Tokens of an issuer: what counts, and all that does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jupyter_workflows.errors import IdentityRefused
from jupyter_workflows.security import workspaces
from jupyter_workflows.security.oidc import Verifier

from .issuer import AUDIENCE, MAKE, Issuer, issuer


@pytest.fixture(scope="module")
def company() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


def verifier(company: Issuer, **settings: Any) -> Verifier:
    named = workspaces.Issuer(**{"issuer": company.address, "audience": AUDIENCE, "cooldown_seconds": 0.0, **settings})
    return Verifier({"company": named})


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(company: Issuer, algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'kid': 'first-RS256'})}.{part(company.claims())}."


def shared_secret(company: Issuer) -> str:
    """Signed by HMAC with the issuer's public key as the secret: the classical confusion."""
    import hashlib
    import hmac

    public = company.keys["first-RS256"][1].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part({'alg': 'HS256', 'kid': 'first-RS256'})}.{part(company.claims())}"
    mac = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def another_key(company: Issuer) -> str:
    return jwt.encode(company.claims(), MAKE["ES256"](), algorithm="ES256", headers={"kid": "first-ES256"})


def edited(company: Issuer) -> str:
    head, _, signature = company.token("first-EdDSA", sub="u-1").split(".")
    return f"{head}.{part(company.claims(sub='admin'))}.{signature}"


@pytest.mark.parametrize("algorithm", MAKE)
def test_a_token_says_who_somebody_is_and_in_which_groups(company: Issuer, algorithm: str):
    token = company.token(f"first-{algorithm}", preferred_username="ada", groups=["risk", 7, "staff"])
    person = verifier(company, name="preferred_username").person(token)
    assert (person.name, person.groups) == ("ada", {"risk", "staff"})
    prefixed = verifier(company, prefix="partner:").person(token)
    assert (prefixed.name, prefixed.groups) == ("partner:u-1", {"partner:risk", "partner:staff"})


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "expired": (lambda c: c.token("first-ES256", exp=int(time.time()) - 3600), "expired"),
    "too early": (lambda c: c.token("first-ES256", nbf=int(time.time()) + 3600), "not yet valid"),
    "for somebody else": (lambda c: c.token("first-ES256", aud="another-service"), "Audience"),
    "for nobody": (lambda c: c.token("first-ES256", aud=None), '"aud"'),
    "without an end": (lambda c: c.token("first-ES256", exp=None), '"exp"'),
    "without a subject": (lambda c: c.token("first-ES256", sub=None), '"sub"'),
    "of another issuer": (lambda c: c.token("first-ES256", iss="https://evil.example"), "issuers that are trusted"),
    "unsigned": (lambda c: unsigned(c, "none"), "does not count"),
    "unsigned in capitals": (lambda c: unsigned(c, "None"), "does not count"),
    "signature left out": (lambda c: unsigned(c, "RS256"), "does not count"),
    "public key as a secret": (shared_secret, "does not count"),
    "signed by another key": (another_key, "Signature"),
    "edited": (edited, "Signature"),
    "a text": (lambda _: "no token", "no token of an issuer"),
    "long": (lambda c: c.token("first-ES256", more="x" * 30_000), "at most"),
    "without a name": (lambda c: c.token("first-ES256", sub=""), "no name"),
    "with a line in its name": (lambda c: c.token("first-ES256", sub="eve\n[W 2026]"), "that no name has"),
    "that hides a part of its name": (lambda c: c.token("first-ES256", sub="eve\u202e"), "that no name has"),
    "named like a group": (lambda c: c.token("first-ES256", sub="group:risk"), "no name"),
}


@pytest.mark.parametrize("token", REFUSED)
def test_no_other_token_counts(company: Issuer, token: str):
    make, reason = REFUSED[token]
    with pytest.raises(IdentityRefused, match=reason):
        verifier(company).person(make(company))


def test_an_address_counts_once_the_issuer_has_verified_it(company: Issuer):
    by_mail = verifier(company, name="email")
    with pytest.raises(IdentityRefused, match="has not verified the address"):
        by_mail.person(company.token("first-ES256", email="ada@company.com"))
    token = company.token("first-ES256", email="ada@company.com", email_verified=True)
    assert by_mail.person(token).name == "ada@company.com"


def test_keys_are_rotated(company: Issuer):
    known = verifier(company)
    old = company.token("first-RS256")
    assert known.person(old).name == "u-1"
    company.add("second")
    assert known.person(company.token("second")).name == "u-1"
    assert known.person(old).name == "u-1", "a key that is still published still counts"
    gone = company.keys.pop("first-RS256")
    try:
        assert known.person(company.token("second")).name == "u-1"
        with pytest.raises(IdentityRefused, match="Unable to find a signing key"):
            verifier(company).person(old)
    finally:
        company.keys["first-RS256"] = gone


def test_made_up_key_ids_do_not_wear_the_issuer_out(company: Issuer):
    known = verifier(company, cooldown_seconds=30.0)
    known.person(company.token("first-ES256"))
    reads = company.reads
    for number in range(50):
        token = jwt.encode(company.claims(), MAKE["ES256"](), algorithm="ES256", headers={"kid": f"made-up-{number}"})
        with pytest.raises(IdentityRefused, match="Unable to find a signing key"):
            known.person(token)
    assert company.reads == reads


def test_an_issuer_that_is_another_or_away_signs_nobody_in(company: Issuer):
    token = company.token("first-ES256")
    company.claimed = "https://evil.example"
    try:
        with pytest.raises(IdentityRefused, match=r"says that it is 'https://evil\.example'"):
            verifier(company).person(token)
    finally:
        company.claimed = ""
    with issuer() as other:
        gone, address = other.token("first-ES256"), other.address
    with pytest.raises(IdentityRefused, match=f"{address} can't be asked for its keys"):
        verifier(other).person(gone)
