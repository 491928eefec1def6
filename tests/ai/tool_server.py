"""A small MCP server for tests: `python -m tests.ai.tool_server stdio`, or `http PORT`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp.server import MCPServer

server = MCPServer("shelf", log_level="ERROR")


@server.tool()
def lend(title: str, days: int = 14) -> str:
    """Lends a book."""
    if log := os.environ.get("LENT"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{title}\n")
    return f"{title} for {days} days"


@server.tool()
def lose(title: str) -> str:
    """Loses a book."""
    raise ValueError(f"{title} is not there")


lent: list[str] = []


@server.tool()
def remember(title: str) -> str:
    """Lends a book, and says which were lent before."""
    lent.append(title)
    return ", ".join(lent)


@server.tool()
def process() -> int:
    """The process of the server."""
    return os.getpid()


@server.tool()
def environment() -> list[str]:
    """The names of all variables."""
    return sorted(os.environ)


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
