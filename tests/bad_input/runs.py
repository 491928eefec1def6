"""Arguments, connections and runs that are not what they should be."""

from __future__ import annotations

from .mistake import mistake

DEFINITIONS = """
%%workflow
from pydantic import BaseModel

class Contract(BaseModel):
    id: str
    value: float

class Answer(BaseModel):
    ok: bool
    reason: str

async def check(contract: Contract) -> float:
    if contract.value < 0:
        raise ValueError(f"the value of {contract.id} is negative")
    return contract.value

@workflow(retry=RetryPolicy(max_attempts=1))
async def judge(contract: Contract, limit: float = 10.0) -> float:
    return await check(contract)

@workflow
async def ask(who: str | None = None, editable: dict | None = None, with_form: bool = False) -> str:
    approval = await human_approval("May it?", assignee=who, editable=editable, form=Answer if with_form else None)
    await wait_for_signal("end")
    return approval.status
"""

ARGUMENTS = [
    mistake("start without an argument", "judge.start()"),
    mistake("start with one argument too many", "judge.start(1, 2, 3)"),
    mistake("start with an unknown argument", "judge.start(contract=None, limits=3)"),
    mistake("start with a wrong type", "judge.start('C-17')"),
    mistake("start with a missing field", "judge.start({'id': 'C-17'})"),
    mistake("start with a wrong second argument", "judge.start(Contract(id='C', value=1), limit='much')"),
    mistake("start with what can't travel", "ask.start(editable={'lock': __import__('threading').Lock()})"),
    mistake("start with an agent", "from jupyter_workflows import ai\nask.start(editable=ai.Agent('helper'))"),
    mistake("start by JSON with a wrong name", '%workflow start judge {"contrat": {"id": "C", "value": 1}}'),
    mistake("start by JSON with a wrong type", '%workflow start judge {"contract": 17}'),
]

STATE = [
    mistake("unknown run", "jupyter_workflows.get_run('no-such-run')"),
    mistake("unknown run on the line", "%workflow show no-such-run"),
    mistake("cancel of an unknown run", "%workflow cancel no-such-run"),
    mistake(
        "id that is taken",
        "one = judge.options(id='taken').start(Contract(id='C', value=1))\none.result(30)",
        "judge.options(id='taken').start(Contract(id='C', value=1))",
    ),
    mistake(
        "step that fails", "failing = judge.options(id='failing').start(Contract(id='C-9', value=-1))", "await failing"
    ),
    mistake("step that fails, waited for", "failing.result(timeout=30)"),
    mistake("cancel of a failed run", "failing.cancel()"),
    mistake("terminate of a failed run", "failing.terminate()"),
    mistake("signal to a failed run", "failing.signal('go')"),
    mistake("approval of a failed run", "failing.approve()"),
    mistake("resume from a step that is not there", "failing.resume(from_step='check-7')"),
    mistake(
        "wait that is too short",
        "asking = ask.options(id='asking').start()\nasking.wait_for('approval', timeout=30)",
        "asking.result(timeout=0.2)",
    ),
    mistake("wait of a wrong kind", "asking.result(timeout='soon')"),
    mistake("approval that is not there", "asking.approve('human_approval-7')"),
    mistake("form that was not asked for", "asking.approve(form={'ok': True})"),
    mistake("value that was not asked for", "asking.approve(value=3)"),
    mistake("query that is not there", "asking.query('progress')"),
    mistake("second decision", "asking.approve(reviewer='ada')", "asking.reject('human_approval-1', reviewer='bob')"),
    mistake("second decision without a name", "asking.approve()"),
    mistake(
        "wrong reviewer",
        "theirs = ask.options(id='theirs').start('legal@company.com')\ntheirs.wait_for('approval', timeout=30)",
        "theirs.approve(reviewer='ada')",
    ),
    mistake(
        "form with a missing field",
        "formal = ask.options(id='formal').start(with_form=True)\nformal.wait_for('approval', timeout=30)",
        "formal.approve(form={'ok': True})",
    ),
    mistake("approval without its form", "formal.approve()"),
    mistake(
        "edit of a wrong type",
        "edited = ask.options(id='edited').start(editable={'a': 1})\nedited.wait_for('approval', timeout=30)",
        "edited.approve(value='b')",
    ),
    mistake("terminated run", "edited.terminate('started by mistake')", "edited.result(timeout=30)"),
    mistake("cancelled run", "formal.cancel()", "formal.result(timeout=30)"),
    mistake("approval of a cancelled run", "formal.approve(form={'ok': True, 'reason': 'x'})"),
    mistake("wait for what never comes", "formal.wait_for('check-1', timeout=30)"),
    mistake("runs in no state", "jupyter_workflows.runs(status='done')"),
    mistake("runs since no time", "jupyter_workflows.runs(since='yesterday')"),
]

CONNECTION = [
    mistake("address where nobody answers", "jupyter_workflows.connect('127.0.0.1:9')"),
    mistake("address without a port", "jupyter_workflows.connect('localhost')"),
    mistake("address that is a page", "jupyter_workflows.connect('https://temporal.company.com/ui')"),
    mistake("host that is not there", "jupyter_workflows.connect('no-such-host.invalid:7233')"),
    mistake(
        "namespace that is not there",
        "import jupyter_workflows.session\naddress = jupyter_workflows.session.current().runtime().address",
        "jupyter_workflows.connect(address, namespace='nowhere')",
    ),
]

CLEAN_UP = """
jupyter_workflows.connect()
for run in jupyter_workflows.runs(status="running"):
    run.terminate("the test is over")
print(*sorted(run.id for run in jupyter_workflows.runs()))
"""
