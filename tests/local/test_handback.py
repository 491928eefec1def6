from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType
from temporalio.api.enums.v1 import CommandType, EventType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollActivityTaskQueueResponse,
    PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client, WorkflowHandle

from jupyter_workflows.connection import LoopThread, Settings, connect
from jupyter_workflows.local.handback import Predecessors, hand_back, hand_back_undelivered, query
from jupyter_workflows.local.runtime import Runtime

ME = Predecessors("jw-aaaaaaaaaaaa-5f3.7", frozenset({"jw-bbbbbbbbbbbb-5f3.2"}))


@pytest.mark.parametrize(
    ("identity", "dead"),
    [
        ("jw-aaaaaaaaaaaa-5f3.7", False),  # itself
        ("jw-aaaaaaaaaaaa-5f3.6", True),  # the one before it
        ("jw-aaaaaaaaaaaa-5f2.7", True),  # the same notebook's, under a supervisor that is dead
        ("jw-bbbbbbbbbbbb-5f2.1", True),  # another notebook's, under that supervisor
        ("jw-bbbbbbbbbbbb-5f3.2", True),  # another notebook's, known to be dead
        ("jw-bbbbbbbbbbbb-5f3.3", False),  # another notebook's that lives
        ("1234@host", False),  # workers that are none of ours
        ("jw-production", False),
        ("jw-aaaaaaaaaaaa-5f3.6-eu", False),
        ("", False),
    ],
)
def test_only_workers_that_are_certainly_dead_lose_their_steps(identity: str, dead: bool):
    assert ME.include(identity) is dead


def test_the_query_names_each_queue_once():
    assert query(["jw-b", "jw-a"]) == "ExecutionStatus = 'Running' AND TaskQueue IN ('jw-a', 'jw-b')"


class Lossy:
    """A worker that takes tasks and forgets them, as if they had never arrived."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.queue = f"lossy-{uuid.uuid4().hex}"

    async def start(self) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow("anything", id=self.queue, task_queue=self.queue)

    async def workflow_task(self) -> PollWorkflowTaskQueueResponse:
        queue = TaskQueue(name=self.queue)
        request = PollWorkflowTaskQueueRequest(namespace=self.client.namespace, task_queue=queue, identity="lossy")
        return await self.client.workflow_service.poll_workflow_task_queue(request)

    async def activity_task(self) -> PollActivityTaskQueueResponse:
        queue = TaskQueue(name=self.queue)
        request = PollActivityTaskQueueRequest(namespace=self.client.namespace, task_queue=queue, identity="lossy")
        return await self.client.workflow_service.poll_activity_task_queue(request)

    async def schedule_activity(self, attempts: int) -> None:
        """Answers the workflow task with a step that may be tried so often."""
        task = await self.workflow_task()
        attributes = ScheduleActivityTaskCommandAttributes(
            activity_id="1", activity_type=ActivityType(name="pay"), task_queue=TaskQueue(name=self.queue)
        )
        attributes.start_to_close_timeout.FromTimedelta(timedelta(minutes=5))
        attributes.retry_policy.maximum_attempts = attempts
        command = Command(
            command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
            schedule_activity_task_command_attributes=attributes,
        )
        await self.client.workflow_service.respond_workflow_task_completed(
            RespondWorkflowTaskCompletedRequest(
                namespace=self.client.namespace, task_token=task.task_token, commands=[command], identity="lossy"
            )
        )


@pytest.fixture
def lossy(runtime: Runtime, client_loop: LoopThread) -> Lossy:
    settings = Settings(runtime.address, runtime.namespace)
    return Lossy(client_loop.run(connect(settings, home=runtime.home)))


def test_workflow_task_of_a_dead_worker_is_given_out_again_at_once(lossy: Lossy, client_loop: LoopThread):
    async def scenario() -> None:
        handle = await lossy.start()
        assert (await lossy.workflow_task()).attempt == 1
        too_early = datetime.now(UTC) - timedelta(minutes=1)
        assert await hand_back(lossy.client, [lossy.queue], ME, before=too_early) == 0
        assert await hand_back(lossy.client, [lossy.queue], ME, before=datetime.now(UTC)) == 1
        assert await hand_back(lossy.client, [lossy.queue], ME, before=datetime.now(UTC)) == 0
        assert (await lossy.workflow_task()).attempt == 2
        (failed,) = [
            event
            async for event in handle.fetch_history_events()
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
        cause = failed.workflow_task_failed_event_attributes.cause
        assert cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE
        await handle.terminate()

    client_loop.run(scenario(), timeout=60)


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_step_that_a_dying_server_did_not_deliver_is_given_out_again(
    lossy: Lossy, client_loop: LoopThread, attempts: int
):
    async def given_back(*, begun: bool, before: datetime) -> int:
        return await hand_back_undelivered(lossy.client, [lossy.queue], "lossy", lambda *_: begun, before)

    async def scenario() -> None:
        handle = await lossy.start()
        await lossy.schedule_activity(attempts)
        assert (await lossy.activity_task()).attempt == 1
        assert await given_back(begun=True, before=datetime.now(UTC)) == 0
        assert await given_back(begun=False, before=datetime.now(UTC) - timedelta(minutes=1)) == 0
        assert await given_back(begun=False, before=datetime.now(UTC)) == 1
        again = await lossy.activity_task()
        assert again.attempt == 2
        assert again.retry_policy.maximum_attempts in (0, attempts + 1)
        await handle.terminate()

    client_loop.run(scenario(), timeout=60)
