"""A model call as a step of the run whose workflow code executes; a plain call everywhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import temporalio.workflow

from ..authoring.definitions import Activity, ActivityOptions
from ..authoring.policies import RetryPolicy
from ..authoring.state import run_state
from ..authoring.steps import executed, location_in_bundle
from .activities import MARGIN, made
from .options import Manner
from .requests import Request

# A busy server is waited for, half a minute in all; what it asks for with Retry-After is kept besides.
RETRY = RetryPolicy(max_attempts=6, initial_interval=timedelta(seconds=1), max_interval=timedelta(minutes=1))


async def perform(definition: Activity[Any, Any], request: Request, manner: Manner, *, step: str = "") -> Any:
    """Makes a call: as a step in a workflow, here and now anywhere else.

    Args:
        definition: The activity that makes it.
        request: What is asked.
        manner: How it is made a step.
        step: The step's id; the next of its name by default.
    """
    if not temporalio.workflow.in_workflow():
        return await made(request)
    state = run_state()
    options = ActivityOptions(
        retry=manner.retry or state.retry or RETRY,
        timeout=request.timeout + MARGIN,
        rate_limit=manner.rate_limit,
        summary=manner.summary,
    )
    activity = Activity[Any, Any](definition.fn, name=definition.name, options=options)
    if state.workflow is not None:
        # The step belongs to the cell of the workflow that awaits it.
        activity.location = state.workflow.location or location_in_bundle(state.workflow.name)
    return await executed(activity, [request], step or state.next_id(definition.name))
