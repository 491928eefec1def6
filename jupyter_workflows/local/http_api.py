"""The little the supervisor says to the Temporal server itself, over the server's HTTP API.

The server opens this API whether wanted or not, and by itself it obeys any web page that finds the port. So it is
told to answer to one `Host` only, a name of 128 random bits that no page can know or resolve, and the supervisor
checks at every start that it refuses all others.
"""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Collection
from typing import Any

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 1.0


class HttpApi:
    """Requests to one server.

    Args:
        port: The server's HTTP port on loopback.
        host: The one `Host` it answers to.
    """

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host

    @classmethod
    def secret_host(cls) -> str:
        """A host name that nobody can guess, and that never resolves (RFC 6761)."""
        return f"{os.urandom(16).hex()}.invalid"

    def namespace(self, name: str) -> dict[str, Any] | None:
        """What the server knows of a namespace; None while it is not ready.

        Raises:
            OSError: Nothing listens yet, or it does not answer in time.
        """
        status, body = self._request("GET", f"/api/v1/namespaces/{name}")
        return body if status == 200 else None

    def keep_closed_runs(self, namespace: str, seconds: int) -> bool:
        """Set how long the server keeps a run after its end; false when it refuses."""
        change = {"config": {"workflowExecutionRetentionTtl": f"{seconds}s"}}
        return self._request("POST", f"/api/v1/namespaces/{namespace}/update", change)[0] == 200

    def search_attributes(self, namespace: str) -> set[str]:
        """The names of the search attributes that were added to a namespace."""
        _, body = self._request("GET", f"/api/v1/namespaces/{namespace}/search-attributes")
        return set(body.get("customAttributes", {}))

    def open_queues(self, namespace: str, page: str = "") -> tuple[set[tuple[str, str]], str]:
        """Task queues of open runs with the version these are pinned to ("" for none), and the next page's token."""
        path = f"/api/v1/namespaces/{namespace}/workflows?pageSize=1000&query=ExecutionStatus%3D%27Running%27"
        # The token is base64; urllib.parse would cost more to import than the request to make.
        token = page.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        status, body = self._request("GET", f"{path}&nextPageToken={token}" if page else path)
        if status != 200:
            raise OSError(f"listing open runs: HTTP {status}")
        found = {(str(run.get("taskQueue", "")), _pinned_version(run)) for run in body.get("executions", [])}
        return found, str(body.get("nextPageToken", ""))

    def queue_with_open_runs(self, namespace: str, queues: Collection[str]) -> str | None:
        """One of these task queues that has open runs, None where none has; one row, however many runs are open.

        Args:
            namespace: Whose runs.
            queues: Their names, of letters, digits and dashes.

        Raises:
            OSError: There is no such answer.
        """
        listed = ",".join(f"%27{queue}%27" for queue in sorted(queues))
        query = f"ExecutionStatus%3D%27Running%27%20AND%20TaskQueue%20IN%20({listed})"
        status, body = self._request("GET", f"/api/v1/namespaces/{namespace}/workflows?pageSize=1&query={query}")
        if status != 200:
            raise OSError(f"looking for open runs: HTTP {status}")
        return next((str(run.get("taskQueue", "")) for run in body.get("executions", [])), None)

    def refuses_strangers(self, namespace: str) -> bool:
        """Whether a request with the `Host` a web page would send is turned away."""
        return self._request("GET", f"/api/v1/namespaces/{namespace}", host=f"{LOOPBACK}:{self.port}")[0] == 403

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, host: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        content = json.dumps(body).encode() if body is not None else b""
        head = (
            # HTTP/1.0, so that the answer is neither chunked nor kept open. http.client would triple our imports.
            f"{method} {path} HTTP/1.0\r\nHost: {host or self.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection((LOOPBACK, self.port), TIMEOUT_SECONDS) as connection:
            connection.sendall(head.encode("ascii") + content)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        headers, _, text = answer.partition(b"\r\n\r\n")
        try:
            return int(headers.split(None, 2)[1]), json.loads(text or b"{}")
        except (IndexError, ValueError) as error:
            raise OSError(f"the HTTP API gave no JSON answer to {method} {path}") from error


def _pinned_version(run: dict[str, Any]) -> str:
    """The build that a listed run is pinned to; empty for a run that is not."""
    fields = run.get("searchAttributes", {}).get("indexedFields", {})
    version = fields.get("TemporalWorkerDeploymentVersion", "")
    if isinstance(version, dict):
        version = json.loads(base64.b64decode(version.get("data", "") or b'""'))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return str(version).rpartition(":")[2]
