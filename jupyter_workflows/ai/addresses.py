"""A URL that workflow code or a model names is followed only to public addresses, or to those the worker allows.

Names are resolved here, once, and the connection goes to the address that was checked: a name that answers
differently the second time changes nothing. Redirects are never followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from ..errors import ModelCallFailed

ALLOWED_HOSTS = "JUPYTER_WORKFLOWS_ALLOWED_HOSTS"
NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address inside an IPv6 one, which a gateway would lead to."""
RESOLVE_SECONDS = 10.0
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What ends with one is an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker"""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def refused(url: str, reason: str) -> ModelCallFailed:
    """The refusal of an address, with the remedy."""
    shown = url if len(url) <= 100 else f"{url[:99]}…"
    return ModelCallFailed(
        f"{shown!r} is not followed: {reason}. If it is meant, set {ALLOWED_HOSTS}=host (or host:port) where the "
        "worker runs",
        kind="blocked_address",
    )


async def checked_address(url: str) -> str:
    """The IP address to connect to for a URL.

    Raises:
        ModelCallFailed: It leads, or may lead, where only this machine or network may go.
    """
    host, port = host_and_port(url)
    infos = await resolved(host, port, url)
    allowed = is_allowed(host, port)
    for found in infos:
        address = ipaddress.ip_address(found.partition("%")[0])
        if not allowed and not is_public(address):
            raise refused(url, f"{host} is {address}, which is no public address")
    return infos[0]


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        ModelCallFailed: It is no address on the web.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise refused(url, f"it is no URL ({error})") from None
    if parts.scheme not in ("http", "https"):
        raise refused(url, f"only http:// and https:// are, not {parts.scheme or 'an address without a scheme'}")
    if parts.username or parts.password:
        raise refused(url.replace(parts.netloc, parts.hostname or ""), "it carries a user name or password")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise refused(url, "it names no host")
    if NUMBER.fullmatch(host.rpartition(".")[2]) and not is_four_numbers(host):
        raise refused(url, f"{host} is an odd way to write an IP address: write it as four numbers")
    return host, port


def is_four_numbers(host: str) -> bool:
    """Whether an IPv4 address is written in the one way that means the same to everybody."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


async def resolved(host: str, port: int, url: str) -> list[str]:
    """The addresses of a host.

    Raises:
        ModelCallFailed: It has none.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [str(sockaddr[0]) for *_, sockaddr in infos]
    except (OSError, UnicodeError, TimeoutError) as error:
        raise ModelCallFailed(
            f"the host of {url[:100]!r} is not found ({error or 'no answer in time'}): check the address",
            kind="unreachable",
            retryable=not isinstance(error, UnicodeError),
        ) from None


def is_allowed(host: str, port: int, allowed: Iterable[str] | None = None) -> bool:
    """Whether the worker's settings allow a host, whatever its address is."""
    names = os.environ.get(ALLOWED_HOSTS, "").replace(",", " ").split() if allowed is None else allowed
    return any(name.casefold() in (host.casefold(), f"{host.casefold()}:{port}") for name in names)


def is_public(address: Address) -> bool:
    """Whether an address is one of the open Internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast
