"""Ways to await steps and to call helpers.

One row is a notebook; its bundle is imported and run as the notebook's own functions would be.
Cells are separated by `# ---`; the workflow is `flow`, called with 3.
"""

from __future__ import annotations

import asyncio

import pytest

BUNDLED = {
    "steps at once": (
        """
import asyncio
async def load(n: int) -> int:
    return n
@activity
async def grow(n: int) -> int:
    return n + 1
@workflow
async def flow(n: int) -> list:
    one, two = await asyncio.gather(load(1), grow(1))
    three = await asyncio.wait_for(load(3), 5)
    tasks = [load(i) for i in range(2)]
    tasks.append(grow(9))
    four = await asyncio.gather(*tasks)
    task = asyncio.create_task(grow(5))
    async with asyncio.TaskGroup() as group:
        five = group.create_task(load(7))
    named = {name: load(k) for name, k in [("a", 1)]}
    six = {name: await made for name, made in named.items()}
    seven = []
    for done in asyncio.as_completed([load(1)]):
        seven.append(await done)
    later = load(8)
    pair = (load(1), load(2))
    eight = [await made for made in pair]
    nine = list(await asyncio.gather(*map(load, [4])))
    ten = await (load(1) if n else grow(1))
    return [one, two, three, four, await task, five.result(), six, seven, await later, eight, nine, ten]
""",
        [1, 2, 3, [0, 1, 10], 6, 7, {"a": 1}, [1], 8, [1, 2], [4], 1],
    ),
    "a helper's result as the items of a parallel map": (
        """
async def load(n: int) -> int:
    return n
def numbers(n):
    return [1, 2, n]
@workflow
async def flow(n: int) -> list:
    items = numbers(n)
    return await parallel_map(load, items)
""",
        [1, 2, 3],
    ),
    "helpers whose results are iterated": (
        """
import asyncio
async def load(n: int) -> int:
    return n
def chosen(n):
    return {"numbers": [1, 2, n]}
@workflow
async def flow(n: int) -> list:
    found = chosen(n)
    some = await asyncio.gather(*[load(k) for k in found["numbers"]])
    for k in chosen(n)["numbers"]:
        some.append(await load(k))
    return [*some, *sorted(chosen(n), key=len)]
""",
        [1, 2, 3, 1, 2, 3, "numbers"],
    ),
    "helpers given to functions": (
        """
def negative(n):
    return -n
KEYS = {"down": negative}
@workflow
async def flow(n: int) -> list:
    return [sorted([1, 2, n], key=negative), list(map(negative, [1])), KEYS["down"](2)]
""",
        [[3, 2, 1], [-1], -2],
    ),
    "a coroutine given to a nested function": (
        """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    async def settled(made):
        return await made
    return await settled(load(n))
""",
        3,
    ),
    "activities that call each other and themselves": (
        """
async def load(n: int) -> int:
    return 0 if n == 0 else 1 + await load(n - 1)
async def twice(n: int) -> int:
    return await load(n) + await load(n)
@workflow
async def flow(n: int) -> int:
    return await twice(n) + await load(n)
""",
        9,
    ),
    "names shadowed inside": (
        """
load = 5
async def step(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    async def load(k):
        return k
    open = print = time = lambda value: value
    return open(print(time(await load(n)))) + await step(n)
""",
        6,
    ),
    "several statements in a line": (
        """
A = 1; B = 2; C = A + B
@workflow
async def flow(n: int) -> int: return A + B + C
""",
        6,
    ),
    "lambdas and partials as helpers": (
        """
import functools
half = lambda n: n / 2
plus = functools.partial(max, 10)
@workflow
async def flow(n: int) -> list:
    return [half(n), plus(n)]
""",
        [1.5, 10],
    ),
    "a factory of helpers": (
        """
def adder(k):
    def add(n):
        return n + k
    return add
add_five = adder(5)
@workflow
async def flow(n: int) -> int:
    return add_five(n)
""",
        8,
    ),
    "imports inside functions": (
        """
async def load(n: int) -> str:
    import json
    from math import floor as down
    return json.dumps(down(n))
@workflow
async def flow(n: int) -> str:
    import math
    return await load(math.ceil(n))
""",
        "3",
    ),
    "match, walrus, star and lambda scopes": (
        """
LIMIT = 2
def kind(value):
    match value:
        case [first, *rest] if (size := len(rest)) >= LIMIT:
            return [first, size]
        case {"a": inner, **others}:
            return [inner, others]
        case _:
            return None
@workflow
async def flow(n: int) -> list:
    return [kind([1, 2, 3]), kind({"a": 1, "b": 2}), [y for x in [[n]] for y in x], (lambda *a, k=LIMIT: k)()]
""",
        [[1, 2], [1, {"b": 2}], [3], 2],
    ),
}


@pytest.mark.parametrize(("text", "result"), BUNDLED.values(), ids=BUNDLED.keys())
def test_bundle_does_what_the_notebook_does(notebook, text: str, result: object):
    notebook.run_all(text)
    assert asyncio.run(notebook.load().flow.fn(3)) == result
