"""Which runs a key opens: what can't be read any more once it is destroyed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from temporalio.service import RPCError, RPCStatusCode

from ..schema import Run
from ..security.encryption import KeyRing, key_of_payload
from .access import RunAccess, in_our_words, translated
from .listing import clause, fetch_infos, read_run
from .values import payloads_in

MOST_LOOKED_AT = 1_000
LITERAL = re.compile(r"[^*?\[]*")


@dataclass(frozen=True)
class Opened:
    """The runs that hold values of one key.

    Attributes:
        runs: They, the newest first.
        looked_at: How many runs were looked at.
        complete: Whether those are all there are.
    """

    runs: list[Run] = field(default_factory=list[Run])
    looked_at: int = 0
    complete: bool = True

    @property
    def open(self) -> list[Run]:
        """Those that have not ended."""
        return [run for run in self.runs if run.status == "running"]


async def opened_by(access: RunAccess, ring: KeyRing, name: str) -> Opened:
    """The runs whose histories hold values that a key encrypted; looks at each history, some 10 ms a run.

    Args:
        access: What runs are reached with.
        ring: The key ring.
        name: The key's id; of one that is for the runs of a purpose, only runs with fitting ids are looked at.

    Raises:
        ConnectionFailed: The server is out of reach.
    """
    patterns = [pattern for pattern, key in ring.purposes.items() if key == name]
    prefixes = [match.group() for pattern in patterns if (match := LITERAL.match(pattern))]
    asked = [words for prefix in prefixes if (words := starts_with(prefix))]
    query = f"({' OR '.join(asked)})" if asked and len(asked) == len(patterns) else ""
    infos = await fetch_infos(access, query, MOST_LOOKED_AT + 1)
    found: list[Run] = []
    for info in infos[:MOST_LOOKED_AT]:
        execution = info.execution
        if await holds(access, execution.workflow_id, execution.run_id, name):
            found.append(read_run(info))
    return Opened(found, min(len(infos), MOST_LOOKED_AT), len(infos) <= MOST_LOOKED_AT)


def starts_with(prefix: str) -> str:
    """The condition of a visibility query for ids that begin so; empty where it can't be said."""
    # `clause` asks for what stands before a character that can't be said.
    return clause("WorkflowId", f"{prefix}'") if prefix else ""


async def holds(access: RunAccess, workflow_id: str, run_id: str, name: str) -> bool:
    """Whether a run's history holds a value that a key encrypted."""
    handle = access.client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        with in_our_words(access, workflow_id):
            history = await handle.fetch_history()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise translated(error, access, workflow_id) from None
    return any(key_of_payload(payload) == name for payload in payloads_in(history.events))
