"""Tokens of OpenID Connect issuers: who somebody is, as an issuer whom the file of workspaces names has signed it.

    [issuers.company]
    issuer = "https://login.company.com"
    audience = "jupyter-workflows"
    name = "preferred_username"
    groups = "groups"

A token is a JWT (RFC 7519). Its signature is verified with the issuer's published keys (JWKS, found by OpenID Connect
Discovery, read again when a token names a key that is new), by `PyJWT`; only signatures with a key pair count, so
neither `none` nor a shared secret can be passed off as one. Needs `pip install "jupyter-workflows[oidc]"`.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any, cast

from ..errors import IdentityRefused
from .workspaces import GROUP, MAX_NAME, Issuer, Person, is_private

# Signatures with a key pair, of RFC 7518 and RFC 8037.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
WELL_KNOWN = "/.well-known/openid-configuration"
ANSWER_SECONDS = 5.0
ANSWER_BYTES = 1_000_000
LEEWAY_SECONDS = 30
MAX_TOKEN = 20_000
MAX_GROUPS = 1_000
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]


class Verifier:
    """Verifies tokens; many threads may ask, and an issuer's keys are kept for five minutes.

    Args:
        issuers: The issuers that are trusted.
    """

    def __init__(self, issuers: Mapping[str, Issuer]) -> None:
        self.issuers = {issuer.issuer: issuer for issuer in issuers.values()}
        self._keys: dict[str, Any] = {}
        self._lock = threading.Lock()

    def person(self, token: str) -> Person:
        """Whom a token is about. Blocks while an issuer's keys are read.

        Raises:
            IdentityRefused: It does not count; says why.
        """
        claims = self.claims(token)
        return person_of_claims(claims, self.issuers[str(claims["iss"])])

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says, once it was verified.

        Raises:
            IdentityRefused: It does not count; says why.
        """
        import jwt

        issuer = self.issuer_of(token)
        try:
            key = self.keys_of(issuer).get_signing_key_from_jwt(token)
            return jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise IdentityRefused(f"the keys of {issuer.issuer} can't be read: {error}") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise IdentityRefused(f"the token of {issuer.issuer} does not count: {error}") from None

    def issuer_of(self, token: str) -> Issuer:
        """The issuer that a token says it is of; nothing of it is verified yet.

        Raises:
            IdentityRefused: It is no token, or of nobody who is trusted.
        """
        import jwt

        if len(token) > MAX_TOKEN:
            raise IdentityRefused(f"a token has at most {MAX_TOKEN:,} characters")
        try:
            claimed = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise IdentityRefused("this is no token of an issuer (a JWT)") from None
        found = self.issuers.get(str(claimed.get("iss")))
        if found is None:
            trusted = ", ".join(sorted(self.issuers)) or "none"
            raise IdentityRefused(
                f"the token is of {str(claimed.get('iss'))[:80]!r}; issuers that are trusted: {trusted}"
            )
        return found

    def keys_of(self, issuer: Issuer) -> Any:
        """What reads the keys of an issuer and keeps them.

        Raises:
            IdentityRefused: The issuer can't be asked where they are.
        """
        import jwt

        with self._lock:
            if issuer.issuer not in self._keys:
                address = issuer.keys or discovered(issuer)
                self._keys[issuer.issuer] = jwt.PyJWKClient(
                    address, timeout=ANSWER_SECONDS, cooldown_duration=issuer.cooldown_seconds
                )
            return self._keys[issuer.issuer]


def discovered(issuer: Issuer) -> str:
    """Where an issuer publishes its keys; https://openid.net/specs/openid-connect-discovery-1_0.html section 4.

    Raises:
        IdentityRefused: It does not say, or says it of somebody else.
    """
    try:
        with urllib.request.urlopen(issuer.issuer.rstrip("/") + WELL_KNOWN, timeout=ANSWER_SECONDS) as answer:
            told = json.loads(answer.read(ANSWER_BYTES))
        address, name = str(told["jwks_uri"]), told["issuer"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IdentityRefused(f"{issuer.issuer} can't be asked for its keys: {error}") from None
    if name != issuer.issuer:
        raise IdentityRefused(f"{issuer.issuer} says that it is {str(name)[:80]!r}: correct its `issuer` in the file")
    if not is_private(address):
        raise IdentityRefused(f"{issuer.issuer} publishes its keys without TLS, at {address[:120]}")
    return address


def person_of_claims(claims: Mapping[str, Any], issuer: Issuer) -> Person:
    """The person whom verified claims are about.

    Raises:
        IdentityRefused: They name nobody.
    """
    name = claims.get(issuer.name)
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or name.startswith(GROUP):
        raise IdentityRefused(f"the token of {issuer.issuer} has no name in {issuer.name!r}")
    if not name.isprintable():
        # It would be written raw into logs, by Jupyter too.
        raise IdentityRefused(f"the token of {issuer.issuer} has a character in {issuer.name!r} that no name has")
    if issuer.name == "email" and claims.get("email_verified") is not True:
        raise IdentityRefused(f"{issuer.issuer} has not verified the address {name}")
    told = claims.get(issuer.groups)
    groups = cast("list[Any]", told)[:MAX_GROUPS] if isinstance(told, list) else []
    return Person(
        f"{issuer.prefix}{name}", frozenset(f"{issuer.prefix}{group}" for group in groups if isinstance(group, str))
    )
