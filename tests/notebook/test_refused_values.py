"""Names and values that can't be bundled: one row is one mistake, marked `#! CODE` at the line the refusal must name.

The prelude is cell 1; `# ---` starts the next cell.
"""

from __future__ import annotations

import pytest

REFUSED = {
    "undefined name": """
@workflow
async def flow(n: int) -> int:
    return n + missing  #! JW101
""",
    "undefined name in a helper": """
def grow(n):
    return n * factor  #! JW101
# ---
@workflow
async def flow(n: int) -> int:
    return grow(n)
""",
    "undefined name in an activity": """
async def load(n: int) -> int:
    return n * factor  #! JW101
# ---
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "deleted name": """
RATE = 3
# ---
del RATE
# ---
@workflow
async def flow(n: int) -> int:
    return n * RATE  #! JW104
""",
    "a DataFrame": """
import pandas as pd
frame = pd.DataFrame({"a": [1]})
# ---
@workflow
async def flow(n: int) -> int:
    return len(frame)  #! JW105
""",
    "an array in an activity": """
import numpy as np
weights = np.array([1, 2])
# ---
async def score(n: int) -> int:
    return int(weights.sum()) + n  #! JW105
@workflow
async def flow(n: int) -> int:
    return await score(n)
""",
    "an open connection": """
import sqlite3
connection = sqlite3.connect(":memory:")
# ---
def save(n: int) -> int:
    connection.execute("select 1")  #! JW105
    return n
# ---
@workflow
async def flow(n: int) -> int:
    return await save(n)
""",
    "a lock": """
import threading
lock = threading.Lock()
async def save(n: int) -> int:
    with lock:  #! JW105
        return n
@workflow
async def flow(n: int) -> int:
    return await save(n)
""",
    "an instance of a class of the notebook with side effects": """
import sqlite3
class Store:
    def __init__(self):
        self.connection = sqlite3.connect(":memory:")
store = Store()
# ---
async def save(n: int) -> int:
    return store.connection is not None  #! JW105
@workflow
async def flow(n: int) -> int:
    return await save(n)
""",
    "a model in a dictionary": """
class Model:
    def __init__(self):
        self.handle = open("/dev/null")
        self.handle.close()
MODELS = {"a": Model()}
@workflow
async def flow(n: int) -> int:
    return len(MODELS)  #! JW105
""",
    "a list that grew in a later cell": """
LIMITS = [1, 2]
# ---
LIMITS.append(3)
# ---
@workflow
async def flow(n: int) -> int:
    return len(LIMITS)  #! JW106
""",
    "a dictionary that an item was put into": """
LIMITS = {"a": 1}
LIMITS["b"] = 2
@workflow
async def flow(n: int) -> int:
    return len(LIMITS)  #! JW106
""",
    "an added-to number": """
TOTAL = 1
# ---
TOTAL += 1
# ---
@workflow
async def flow(n: int) -> int:
    return TOTAL  #! JW106
""",
    "a dataclass that was changed": """
from dataclasses import dataclass
@dataclass
class Settings:
    rate: int = 1
settings = Settings()
settings.rate = 2
@workflow
async def flow(n: int) -> int:
    return settings.rate  #! JW106
""",
    "a list that a function changed": """
SEEN = []
def note(n):
    SEEN.append(n)
note(1)
# ---
@workflow
async def flow(n: int) -> int:
    return len(SEEN)  #! JW106
""",
    "a value from the environment": """
import os
API_KEY = os.environ.get("PATH", "")
async def call(n: int) -> str:
    return API_KEY  #! JW107
@workflow
async def flow(n: int) -> str:
    return await call(n)
""",
    "an item of the environment": """
import os
HOST = os.environ["PATH"]
async def call(n: int) -> str:
    return HOST  #! JW107
@workflow
async def flow(n: int) -> str:
    return await call(n)
""",
    "an environment variable by getenv": """
from os import getenv
HOST = getenv("PATH")
@workflow
async def flow(n: int) -> str:
    return HOST  #! JW107
""",
    "a model made from a file": """
from pydantic import BaseModel
class Settings(BaseModel):
    text: str
def read():
    with open("/dev/null") as file:
        return Settings(text=file.read())
settings = read()
@workflow
async def flow(n: int) -> str:
    return settings.text  #! JW107
""",
    "a value computed before its source changed": """
BASE = 1
# ---
LIMIT = BASE + 1
# ---
BASE = 5
# ---
@workflow
async def flow(n: int) -> int:
    return LIMIT  #! JW108
""",
    "a function made by a call that reaches out": """
import functools, urllib.request
def connect():
    urllib.request.urlopen("data:,x").close()
    return lambda n: n
call = connect()
@workflow
async def flow(n: int) -> int:
    return call(n)  #! JW109
""",
    "an exec-made function": """
exec("def grow(n):\\n    return n + 1")
# ---
@workflow
async def flow(n: int) -> int:
    return grow(n)  #! JW110
""",
    "a function replaced by exec": """
def grow(n):
    return n + 1
# ---
exec("def grow(n):\\n    return n + 2")
# ---
@workflow
async def flow(n: int) -> int:
    return grow(n)  #! JW110
""",
    "an exec-made class": """
exec("class Odd: pass")
@workflow
async def flow(n: int) -> bool:
    return Odd is None  #! JW110
""",
    "get_ipython": """
async def load(n: int) -> int:
    get_ipython().system("ls")  #! JW111
    return n
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "display": """
async def load(n: int) -> int:
    display(n)  #! JW111
    return n
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "the last result": """
@workflow
async def flow(n: int) -> int:
    return n + _  #! JW111
""",
    "Out": """
@workflow
async def flow(n: int) -> int:
    return Out[3]  #! JW111
""",
    "a shell command in a function": """
async def load(n: int) -> int:
    !ls  #! JW111
    return n
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a block with side effects": """
if True:
    print("defining")
    def grow(n):
        return n
@workflow
async def flow(n: int) -> int:
    return grow(n)  #! JW113
""",
    "a changed function": """
def grow(n):
    return n
grow.factor = 2  #! JW115
@workflow
async def flow(n: int) -> int:
    return grow(n)
""",
    "a changed class": """
class Box:
    size = 1
Box.size = 2  #! JW115
@workflow
async def flow(n: int) -> int:
    return Box.size
""",
    "a value too large": """
import time
NUMBERS = [time.time_ns() for _ in range(30_000)]
@workflow
async def flow(n: int) -> int:
    return len(NUMBERS)  #! JW116
""",
    "a name defined by itself": """
def grow(n):
    return n
# ---
import functools
grow = functools.lru_cache(grow)
# ---
@workflow
async def flow(n: int) -> int:
    return grow(n)  #! JW117
""",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_mistake_is_refused_at_its_line(refused, text: str):
    refused(text)
