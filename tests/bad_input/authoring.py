"""Definitions that make no sense."""

from __future__ import annotations

from .mistake import mistake

MISTAKES = [
    mistake("activity with an unknown option", "@activity(retries=3)\ndef step(): ..."),
    mistake("activity with a foreign option", "@activity(queue='x')\ndef step(): ..."),
    mistake("activity with a positional option", "@activity('load')\ndef step(): ..."),
    mistake("activity with seconds as timeout", "@activity(timeout=30)\ndef step(): ..."),
    mistake("activity with a dict as retry policy", "@activity(retry={'max_attempts': 3})\ndef step(): ..."),
    mistake("activity with a number as rate limit", "@activity(rate_limit=10)\ndef step(): ..."),
    mistake("activity with an empty name", "@activity(name=' ')\ndef step(): ..."),
    mistake("activity on a class", "@activity\nclass Loader: ..."),
    mistake("activity on a generator", "@activity\ndef rows():\n    yield 1"),
    mistake("activity on a workflow", "@activity\n@workflow\nasync def both(): ..."),
    mistake("activity twice", "@activity\n@activity\ndef twice(): ..."),
    mistake("activity on a lambda's result", "step = activity((lambda x: x)(3))"),
    mistake("workflow that is not async", "@workflow\ndef review(contract): ..."),
    mistake("workflow on a generator", "@workflow\nasync def stream():\n    yield 1"),
    mistake("workflow with an unknown option", "@workflow(retires=1)\nasync def review(): ..."),
    mistake("workflow with a text as timeout", "@workflow(timeout='1h')\nasync def review(): ..."),
    mistake("timeout of nothing", "timeout()"),
    mistake("negative timeout", "timeout(hours=-1)"),
    mistake("retry policy without attempts", "RetryPolicy(max_attempts=-1)"),
    mistake("retry policy with half an attempt", "RetryPolicy(max_attempts=2.5)"),
    mistake("retry policy with a number as interval", "RetryPolicy(initial_interval=1)"),
    mistake(
        "retry policy with a maximum below the first interval",
        "RetryPolicy(initial_interval=timeout(seconds=10), max_interval=timeout(seconds=1))",
    ),
    mistake("retry policy that gets quicker", "RetryPolicy(backoff_coefficient=0.5)"),
    mistake("retry policy with a name as exception", "RetryPolicy(non_retryable=['ValueError'])"),
    mistake("retry policy with an unknown option", "RetryPolicy(attempts=3)"),
    mistake("rate limit of zero calls", "RateLimit(calls=0)"),
    mistake("rate limit per number", "RateLimit(calls=1, per=60)"),
    mistake("workflow that is called", "@workflow\nasync def called(a, b=1): ...", "called(1, b=2)"),
    mistake("workflow that is awaited in a cell", "@workflow\nasync def awaited(): ...", "await awaited()"),
    mistake("human_approval in a cell", "await human_approval('May it?')"),
    mistake("wait_for_signal in a cell", "await wait_for_signal('go')"),
    mistake("set_query_value in a cell", "set_query_value('progress', 1)"),
    mistake("continue_as_new in a cell", "continue_as_new()"),
    mistake("history_is_long in a cell", "history_is_long()"),
    mistake("sleep with seconds", "await sleep(5)"),
    mistake("parallel_map with a plain function", "await parallel_map(len, [[1]])"),
    mistake(
        "parallel_map without a bound",
        "@activity\ndef double(x): return 2 * x",
        "await parallel_map(double, [1], max_concurrent=0)",
    ),
    mistake(
        "options with an unknown if_exists", "@workflow\nasync def again(): ...", "again.options(if_exists='replace')"
    ),
    mistake("options with an empty id", "@workflow\nasync def again(): ...", "again.options(id='')"),
    mistake("options with an endless id", "@workflow\nasync def again(): ...", "again.options(id='x' * 201)"),
    mistake(
        "annotation that names nothing",
        "@workflow\nasync def unknown_type(a: 'Contract'): ...\nunknown_type.start(1)",
    ),
    mistake("own exception in an activity called plainly", "@activity\ndef divide(x): return 1 / x", "divide(0)"),
]
