"""Keys are never shown: texts that leave this process are searched for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

SECRET_NAME = re.compile(r"(?:^|_)(?:API_KEY|KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
SHORTEST = 8
REDACTED = "[redacted]"


def secrets_of_environment() -> set[str]:
    """The values of variables that are called like secrets; short ones would hit ordinary words."""
    return {value for name, value in os.environ.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST}


def redacted(text: str, also: Iterable[str] = ()) -> str:
    """The text without the secrets of this process's environment.

    Args:
        text: What may hold one, such as a server's error message.
        also: More secrets.
    """
    # The longest first: one may be a part of another.
    for secret in sorted({*secrets_of_environment(), *filter(None, also)}, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text
