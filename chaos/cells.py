"""The notebook under fault: its cells as a user would write them."""

from __future__ import annotations

OPEN = """
%load_ext jupyter_workflows
import json, os, time
from datetime import timedelta
import temporalio.activity
from jupyter_workflows import activity, get_run, human_approval, inbox, runs, timeout, workflow
"""

NOTE = '''
LOG = {log!r}

def note(what, seconds=0.0):
    """One line in the log, outside of Temporal."""
    info = temporalio.activity.info()
    line = dict(at=time.time(), what=what, run=info.workflow_id, step=info.activity_id, attempt=info.attempt)
    line = json.dumps(dict(line, pid=os.getpid(), seconds=seconds)) + "\\n"
    file = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, line.encode())
    os.close(file)
'''

ACTIVITIES = """
import asyncio

@activity
def crunch(number: int, seconds: float) -> int:
    note("start", seconds)
    time.sleep(seconds)
    note("effect")
    return number * number

@activity
async def fetch(number: int, seconds: float) -> int:
    note("start", seconds)
    await asyncio.sleep(seconds)
    note("effect")
    return number * number
"""

PIPELINE = """
@workflow
async def pipeline(seconds: list[float]) -> int:
    total = 0
    for number, pause in enumerate(seconds):
        total += await (crunch(number, pause) if number % 2 else fetch(number, pause))
    return total
"""

GATED = """
@workflow
async def gated(gates: int) -> list[str]:
    answers = []
    for gate in range(gates):
        answer = await human_approval(f"Open gate {gate}?")
        answers.append(f"{answer.id} {answer.approved} {answer.by}")
        await crunch(gate, 0.05)
    return answers
"""


def notebook(log: str) -> list[str]:
    """All cells, in order."""
    return [OPEN, NOTE.format(log=log), ACTIVITIES, PIPELINE, GATED]


def expected(seconds: list[float]) -> int:
    """What `pipeline` gives."""
    return sum(number * number for number in range(len(seconds)))
