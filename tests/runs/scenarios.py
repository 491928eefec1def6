"""Source of the workflows that the tests of runs start."""

from __future__ import annotations

MODELS = """
from pydantic import BaseModel

class Order(BaseModel):
    item: str
    count: int = 1

class Receipt(BaseModel):
    order: Order
    price: float

class Review(BaseModel):
    reason: str
    severity: int = 1
"""

ACTIVITIES = """
import time
from pathlib import Path
import pandas as pd
import temporalio.activity

@activity
async def price(order: Order) -> Receipt:
    return Receipt(order=order, price=2.5 * order.count)

@activity
async def flaky(succeeds_at: int) -> int:
    attempt = temporalio.activity.info().attempt
    if attempt < succeeds_at:
        raise ConnectionError(f"attempt {attempt} got no answer")
    return attempt

@activity
def add(a: int, b: int) -> int:
    return a + b

@activity(timeout=timeout(minutes=5))
async def long_work(seconds: float) -> str:
    heartbeat({"page": 17, "of": 40})
    await asyncio.sleep(seconds)
    return "done"

@activity(
    timeout=timedelta(milliseconds=300),
    retry=RetryPolicy(max_attempts=2, initial_interval=timedelta(milliseconds=20)),
)
async def too_slow() -> None:
    await asyncio.sleep(20)

@activity(retry=RetryPolicy(max_attempts=1))
async def big(count: int) -> str:
    return "<b>&" * (count // 4)

@activity
def table(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(rows)})

@activity
async def give(value: str) -> str:
    return value

@activity(retry=RetryPolicy(max_attempts=1))
async def fail_with(message: str) -> None:
    raise RuntimeError(message)
"""

WORKFLOWS = """
@workflow
async def buy(order: Order) -> Receipt:
    return await price(order)

@workflow
async def untyped(value):
    return {"value": value, "sum": await add(1, 2)}

@workflow
async def nothing() -> None:
    return None

@workflow(retry=RetryPolicy(max_attempts=3, initial_interval=timedelta(milliseconds=20), backoff_coefficient=1.0))
async def everything(succeeds_at: int) -> dict:
    attempt, total = await asyncio.gather(flaky(succeeds_at), add(2, 3))
    await sleep(timedelta(milliseconds=50), summary="a pause")
    bought = await buy(Order(item="pen", count=2))
    word = await wait_for_signal("word", type=str, timeout=timeout(minutes=5))
    approval = await human_approval(f"Publish {word}?", editable={"title": word, "tags": ["a"]}, form=Review)
    return {"attempt": attempt, "total": total, "price": bought.price, "by": approval.by, "value": approval.value}

@workflow(retry=RetryPolicy(max_attempts=3, initial_interval=timedelta(milliseconds=20), backoff_coefficient=1.0))
async def waits_for_retry(minutes: int) -> int:
    return await patient(minutes)

@workflow
async def works_long(seconds: float) -> str:
    return await long_work(seconds)

@workflow
async def times_out() -> None:
    await too_slow()

@workflow
async def recovers() -> str:
    try:
        await too_slow()
    except Exception as error:
        raise KeyError("the order is gone") from error
    return "unreachable"

@workflow
async def breaks(value: int) -> int:
    numbers = [1, 2]
    return numbers[value]

@workflow
async def bounded() -> None:
    await sleep(timeout(days=3))

@workflow
async def asks_twice() -> list:
    first = await human_approval("Gate A?")
    second = await human_approval("Gate B?")
    return [bool(first), bool(second)]

@workflow
async def asks_three_at_once() -> list:
    answers = await asyncio.gather(*(human_approval(f"Document {n}?", assignee=who)
                                     for n, who in ((1, "ada"), (2, "bob"), (3, None))))
    return [answer.by for answer in answers]

@workflow
async def asks_briefly(on_timeout: str) -> bool:
    return bool(await human_approval("Quick?", timeout=timedelta(milliseconds=200), on_timeout=on_timeout))

@workflow
async def counts_down(rest: int) -> str:
    set_query_value("rest", rest)
    await add(rest, 0)
    if rest:
        continue_as_new(rest - 1)
    return "lift-off"

@workflow
async def tells() -> str:
    set_query_value("progress", {"page": 3})
    await wait_for_signal("go")
    return "went"

@workflow
async def makes_big(count: int) -> str:
    return await big(count)

@workflow
async def makes_table(rows: int) -> int:
    return len(await table(rows))

@workflow(name='<img src=x onerror=alert(1)>')
async def hostile(value: str) -> str:
    await give(value)
    approval = await human_approval(value, assignee=value[:200], editable={value[:100]: value})
    if not approval:
        await fail_with(value)
    return value

@workflow
async def fan_out(count: int) -> int:
    return sum(await parallel_map(give_one, range(count), max_concurrent=50))
"""
ACTIVITIES += """
@activity(retry=RetryPolicy(max_attempts=3, initial_interval=timedelta(minutes=5)))
async def patient(minutes: int) -> int:
    raise ValueError("not yet")

@activity
async def give_one(value: int) -> int:
    return 1
"""

CONTRACT_MODELS = """
from pydantic import BaseModel

class Compliance(BaseModel):
    risk_score: float
    clauses: list[str] = []
"""
CONTRACT_ACTIVITIES = """
@activity
async def extract_contract_data(contract_id: str) -> dict:
    if contract_id == "C-7":
        raise ValueError(f"bad contract {contract_id!r}")
    return {"contract_id": contract_id, "text": "the parties agree"}

@activity
def run_compliance_agent(extracted: dict) -> Compliance:
    risk = 0.2 if extracted["contract_id"].startswith("low") else 0.9
    return Compliance(risk_score=risk, clauses=["liability"])

@activity
async def update_crm(contract_id: str, status: str) -> None:
    return None
"""
CONTRACT_WORKFLOW = """
@workflow(
    retry=RetryPolicy(max_attempts=3, backoff_coefficient=1.0, initial_interval=timedelta(milliseconds=20)),
    timeout=timeout(hours=24),
)
async def contract_review_pipeline(contract_id: str) -> dict:
    extracted = await extract_contract_data(contract_id)
    compliance = await run_compliance_agent(extracted)
    if compliance.risk_score > 0.7:
        approved = await human_approval(
            message=f"High-risk contract {contract_id} needs legal review",
            assignee="legal@company.com",
            timeout=timeout(days=3),
        )
        if not approved:
            return {"status": "rejected", "reason": "human_review"}
    await update_crm(contract_id, status="approved")
    return {"status": "approved", "risk_score": compliance.risk_score}
"""
