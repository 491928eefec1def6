"""Who started a run: as the statement in its memo says, signed by whoever sent the start.

Reading it is deterministic, for the memo of a start is part of history. Whether its signature is a trusted one is not:
keys come and go, so only a validator may ask.
"""

from __future__ import annotations

from typing import Any

import temporalio.workflow
from pydantic import ValidationError

from ..schema import SignedStart

MEMO_KEY = "starter"


def stated_starter() -> SignedStart | None:
    """The statement of this run's start; of a child run, that of the run it belongs to. None where there is none."""
    try:
        return SignedStart.model_validate(temporalio.workflow.memo_value(MEMO_KEY, None))
    except ValidationError:
        return None


def starter_memo() -> dict[str, Any] | None:
    """What a child run is told about who started it all."""
    stated = temporalio.workflow.memo_value(MEMO_KEY, None)
    return None if stated is None else {MEMO_KEY: stated}


def is_of_this_run(statement: SignedStart) -> bool:
    """Whether a statement was made for this run, or for the run this is a part of."""
    info = temporalio.workflow.info()
    if statement.workflow_id == info.workflow_id:
        return statement.workflow == info.workflow_type
    return info.root is not None and statement.workflow_id == info.root.workflow_id
