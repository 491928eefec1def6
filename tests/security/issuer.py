"""A small issuer of OpenID Connect on this machine: it publishes its keys, signs tokens, and changes its keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "jupyter-workflows"
MAKE: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65_537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
PUBLISH: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


class Issuer:
    """Signs tokens; its address is its name.

    Attributes:
        keys: Key id to algorithm and private key; all of them are published.
    """

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.address = ""
        self.claimed = ""
        self.reads = 0

    def add(self, name: str, algorithm: str = "ES256") -> None:
        self.keys[name] = (algorithm, MAKE[algorithm]())

    def published(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for name, (algorithm, key) in self.keys.items():
            public = json.loads(PUBLISH[algorithm].to_jwk(key.public_key()))
            found.append({**public, "kid": name, "alg": algorithm, "use": "sig"})
        return {"keys": found}

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        told = {"iss": self.address, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 300, **changed}
        return {name: value for name, value in told.items() if value is not None}

    def token(self, key: str, **changed: Any) -> str:
        algorithm, private = self.keys[key]
        return jwt.encode(self.claims(**changed), private, algorithm=algorithm, headers={"kid": key})

    def answer(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.claimed or self.address, "jwks_uri": f"{self.address}/keys"}
        if path == "/keys":
            self.reads += 1
            return self.published()
        return None


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer with a key of each kind, while it is needed."""
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = made.answer(self.path)
            body = json.dumps(told).encode()
            self.send_response(200 if told else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_port}"
    for algorithm in MAKE:
        made.add(f"first-{algorithm}", algorithm)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
