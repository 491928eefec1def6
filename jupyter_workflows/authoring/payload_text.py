"""Payloads within payloads: as text."""

from __future__ import annotations

import base64

from temporalio.api.common.v1 import Payload


def packed(payload: Payload) -> str:
    """A payload as text."""
    return base64.b64encode(payload.SerializeToString()).decode("ascii")


def unpacked(text: str) -> Payload:
    """The payload of a text."""
    return Payload.FromString(base64.b64decode(text))
