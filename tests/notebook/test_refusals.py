"""What can't be bundled: one row is one mistake, marked `#! CODE` at the line the refusal must name.

The prelude is cell 1; `# ---` starts the next cell.
"""

from __future__ import annotations

import re

import pytest

from jupyter_workflows.errors import ClosureError

MARK = re.compile(r"#! *([A-Z0-9, ]+)$")

REFUSED = {
    # Names and values
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
    # Steps
    "awaited through a variable": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    step = load
    return await step(n)  #! JW201
""",
    "awaited through a loop variable": """
async def load(n: int) -> int:
    return n
async def score(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    for step in (load, score):
        n = await step(n)  #! JW201
    return n
""",
    "awaited through a constant": """
def load(n: int) -> int:
    return n
STEPS = {"load": load}
@workflow
async def flow(n: int) -> int:
    return await STEPS["load"](n)  #! JW201
""",
    "awaited through a parameter": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    async def twice(step):
        return await step(await step(n))
    return await twice(load)  #! JW201
""",
    "awaited through partial": """
import functools
def load(n: int, m: int) -> int:
    return n
step = functools.partial(load, m=1)
@workflow
async def flow(n: int) -> int:
    return await step(n)  #! JW201
""",
    "an activity that is not awaited": """
async def notify(n: int) -> None: ...
@workflow
async def flow(n: int) -> int:
    notify(n)  #! JW202
    return n
""",
    "a decorated activity that is not awaited": """
@activity
def notify(n: int) -> None: ...
@workflow
async def flow(n: int) -> int:
    if n:
        notify(n)  #! JW202
    return n
""",
    "a result used without await": """
async def load(n: int) -> dict:
    return {}
@workflow
async def flow(n: int) -> int:
    return load(n)["a"]  #! JW203
""",
    "a condition without await": """
@activity
def is_risky(n: int) -> bool:
    return True
@workflow
async def flow(n: int) -> int:
    if is_risky(n):  #! JW203
        return 1
    return 0
""",
    "a step given to a step without await": """
async def load(n: int) -> int:
    return n
async def score(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    return await score(load(n))  #! JW203
""",
    "a step returned without await": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    return load(n)  #! JW203
""",
    "assigned and never awaited": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    loaded = load(n)  #! JW204
    return n
""",
    "collected and never awaited": """
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    tasks = [load(i) for i in range(n)]  #! JW204
    return n
""",
    "a step in one place and a helper in the other": """
def clean(text: str) -> str:
    return text
@workflow
async def flow(text: str) -> str:
    first = await clean(text)  #! JW205
    return clean(first)
""",
    "both ways over two functions": """
def clean(text: str) -> str:
    return text
def twice(text: str) -> str:
    return clean(clean(text))
@workflow
async def flow(text: str) -> str:
    text = twice(text)
    return await clean(text)  #! JW205
""",
    "an approval in an activity": """
async def decide(n: int) -> bool:
    return bool(await human_approval("ok?"))  #! JW207
@workflow
async def flow(n: int) -> bool:
    return await decide(n)
""",
    "a durable sleep in a helper of an activity": """
async def pause():
    await sleep(timeout(seconds=1))  #! JW207
async def load(n: int) -> int:
    await pause()
    return n
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a heartbeat in a workflow": """
@workflow
async def flow(n: int) -> int:
    heartbeat(n)  #! JW208
    return n
""",
    "a library's coroutine": """
import tqdm_like
# ---
@workflow
async def flow(n: int) -> int:
    return await tqdm_like.fetch(n)  #! JW209
""",
    "a workflow in an activity": """
@workflow
async def child(n: int) -> int:
    return n
async def load(n: int) -> int:
    return child.start(n).result()  #! JW210
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "two activities of one name": """
@activity(name="load")
def load_a(n: int) -> int:
    return n
@activity(name="load")
def load_b(n: int) -> int:  #! JW212
    return n
@workflow
async def flow(n: int) -> int:
    return await load_a(n) + await load_b(n)
""",
    "an approval that is not awaited": """
@workflow
async def flow(n: int) -> int:
    if human_approval("ok?"):  #! JW214
        return 1
    return 0
""",
    "a sleep that is not awaited": """
@workflow
async def flow(n: int) -> int:
    sleep(timeout(seconds=1))  #! JW214
    return n
""",
    "gather that is not awaited": """
import asyncio
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    asyncio.gather(load(1), load(2))  #! JW214
    return n
""",
    "gather assigned and not awaited": """
import asyncio
async def load(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    both = asyncio.gather(load(1), load(2))  #! JW204
    return n
""",
    "a lambda that is awaited": """
load = lambda n: n
@workflow
async def flow(n: int) -> int:
    return await load(n)  #! JW215
""",
    "a made function that is awaited": """
def made(k):
    def inner(n):
        return n + k
    return inner
load = made(3)
@workflow
async def flow(n: int) -> int:
    return await load(n)  #! JW215
""",
    "a child that is started": """
@workflow
async def child(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    child.start(n)  #! JW216
    return n
""",
    "a child that is not awaited": """
@workflow
async def child(n: int) -> int:
    return n
@workflow
async def flow(n: int) -> int:
    child(n)  #! JW202
    return n
""",
    # Definitions
    "a workflow that is a plain function": """
def flow(n: int) -> int:  #! JW501
    return n
""",
    "star arguments": """
@workflow
async def flow(*numbers: int) -> int:  #! JW502
    return 0
""",
    "keyword arguments": """
@workflow
async def flow(**options: int) -> int:  #! JW502
    return 0
""",
    "a generator activity": """
async def load(n: int):
    yield n  #! JW503
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a generator awaited": """
def load(n: int):
    yield n  #! JW503
@workflow
async def flow(n: int) -> int:
    return await load(n)
""",
    "a nested workflow": """
@workflow
async def flow(n: int) -> int:
    @workflow
    async def inner(m: int) -> int:  #! JW505
        return m
    return n
""",
    "a workflow in a class that the workflow uses": """
class Pipeline:
    @workflow
    async def run(self, n: int) -> int:  #! JW504
        return n
@workflow
async def flow(n: int) -> int:
    return await Pipeline().run(n)
""",
    "an open file as a parameter": """
from typing import TextIO
async def read(file: TextIO) -> str:  #! JW506
    return file.read()
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a connection as a result": """
import sqlite3
async def connect(n: int) -> sqlite3.Connection:  #! JW506
    return sqlite3.connect(":memory:")
@workflow
async def flow(n: int) -> int:
    await connect(n)
    return n
""",
    "a module as an annotation": """
import json
async def read(n: json) -> str:  #! JW506
    return ""
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a callback as a parameter": """
from collections.abc import Callable
@workflow
async def flow(done: Callable[[int], int]) -> int:  #! JW506
    return 0
""",
    "a plain class as a parameter": """
class Document:
    def __init__(self, text):
        self.text = text
async def read(document: Document) -> str:  #! JW506
    return document.text
@workflow
async def flow(n: int) -> str:
    return await read(n)
""",
    "a lock in a list": """
import threading
async def read(locks: list[threading.Lock]) -> str:  #! JW506
    return ""
@workflow
async def flow(n: int) -> str:
    return await read([])
""",
}

FORBIDDEN_IN_WORKFLOWS = {
    "import datetime\n~datetime.datetime.now()": "JW301",
    "from datetime import datetime\n~datetime.now()": "JW301",
    "from datetime import datetime as dt\n~dt.utcnow()": "JW301",
    "from datetime import date\n~date.today()": "JW301",
    "import datetime as d\n~d.datetime.today()": "JW301",
    "import time\n~time.time()": "JW301",
    "from time import monotonic\n~monotonic()": "JW301",
    "import time\n~time.perf_counter()": "JW301",
    "import time\nnow = time.time\n~now()": "JW301",
    "import time\n~time.sleep(1)": "JW302",
    "import pandas as pd\n~pd.Timestamp.now()": "JW301",
    "import random\n~random.random()": "JW303",
    "from random import choice\n~choice([1])": "JW303",
    "from random import *\n~choice([1])": "JW303",
    "import random as r\n~r.shuffle([1])": "JW303",
    "import numpy as np\n~np.random.rand()": "JW303",
    "from numpy.random import default_rng\n~default_rng()": "JW303",
    "import random\n~random.Random()": "JW303",
    "import secrets\n~secrets.token_hex()": "JW303",
    "import uuid\n~uuid.uuid4()": "JW304",
    "from uuid import uuid1\n~uuid1()": "JW304",
    "import os\n~os.urandom(3)": "JW304",
    "import os\n~os.environ['PATH']": "JW305",
    "from os import environ\n~environ.get('PATH')": "JW305",
    "import os\n~os.getenv('PATH')": "JW305",
    "import os\n~os.getcwd()": "JW305",
    "~open('x')": "JW306",
    "from pathlib import Path\n~Path('x').read_text()": "JW306",
    "from pathlib import Path\n~(Path('x') / 'y').exists()": "JW306",
    "import os\n~os.listdir('.')": "JW306",
    "import os\n~os.path.exists('.')": "JW306",
    "import pandas as pd\n~pd.read_csv('x')": "JW306",
    "import sqlite3\n~sqlite3.connect('x')": "JW306",
    "import json\n~json.load(n)": "JW306",
    "import httpx\n~httpx.get('x')": "JW307",
    "import httpx\n~await httpx.AsyncClient().get('x')": "JW307",
    "import urllib.request\n~urllib.request.urlopen('x')": "JW307",
    "import socket\n~socket.socket()": "JW307",
    "import subprocess\n~subprocess.run(['ls'])": "JW308",
    "import os\n~os.system('ls')": "JW308",
    "import threading\n~threading.Thread()": "JW309",
    "from concurrent.futures import ThreadPoolExecutor\n~ThreadPoolExecutor()": "JW309",
    "import multiprocessing\n~multiprocessing.Pool()": "JW309",
    "import asyncio\n~await asyncio.to_thread(len, 'x')": "JW309",
    "import asyncio\n~await asyncio.get_running_loop().run_in_executor(None, len)": "JW309",
    "~input('x')": "JW310",
    "~hash('x')": "JW315",
    "~print('x')": "JW313",
    "~[x for x in {1, 2}]": "JW314",
    "~list(set([n]))": "JW314",
    "~tuple({1, 2})": "JW314",
}

ALLOWED_IN_WORKFLOWS = (
    "import datetime\n~datetime.datetime(2020, 1, 1) + datetime.timedelta(days=n)",
    "from datetime import datetime\n~datetime.fromisoformat('2020-01-01')",
    "import time\n~time.strptime('2020', '%Y')",
    "import random\n~random.Random(n).random()",
    "import numpy as np\n~np.random.default_rng(3).random()",
    "import uuid\n~uuid.uuid5(uuid.NAMESPACE_URL, 'x')",
    "import os\n~os.path.join('a', 'b')",
    "from pathlib import Path\n~Path('a') / 'b'",
    "import json\n~json.dumps({'a': n})",
    "import math\n~math.sqrt(n)",
    "~sorted({3, 1})",
    "~n in {3, 1}",
    "~sum(x for x in sorted({3, 1}))",
    "import logging\n~logging.getLogger('x').info('y')",
    "import asyncio\n~await asyncio.sleep(1)",
    "import pandas as pd\n~pd.Timestamp('2020-01-01')",
    "~(lambda open: open)(n)",
    "~'a'.replace('b', 'c')",
)


def expected_of(text: str) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for number, source in enumerate(re.split(r"^# ---.*\n", text, flags=re.MULTILINE), 2):
        for line, content in enumerate(source.split("\n"), 1):
            mark = MARK.search(content)
            if mark:
                found.extend((code.strip(), number, line) for code in mark.group(1).split(","))
    return found


def unmarked(text: str) -> str:
    return re.sub(r" *#![A-Z0-9, ]+$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_mistake_is_refused_at_its_line(notebook, text: str):
    (notebook.directory / "tqdm_like.py").write_text("async def fetch(n):\n    return n\n")
    notebook.run_all(unmarked(text))
    with pytest.raises(ClosureError) as caught:
        notebook.resolve()
    found = [
        (diagnostic.code, diagnostic.location.cell_number, diagnostic.location.line)
        for diagnostic in caught.value.diagnostics
        if diagnostic.location
    ]
    assert found == expected_of(text)
    lines = [line for source in re.split(r"^# ---.*\n", unmarked(text), flags=re.MULTILINE) for line in source.split("\n")]
    assert all(diagnostic.location.source_line in lines for diagnostic in caught.value.diagnostics)
    assert all(diagnostic.remedy and diagnostic.message for diagnostic in caught.value.diagnostics)
    assert not (notebook.directory / "bundles").exists()


def nondeterministic(text: str) -> tuple[str, str, str]:
    """Top-level lines, and the expression after `~` in a workflow and in a helper of one."""
    head, _, expression = text.rpartition("~")
    in_workflow = f"{head}\n@workflow\nasync def flow(n: int) -> int:\n    x = {expression}\n    return n\n"
    in_helper = f"{head}\ndef grow(n):\n    return {expression}\n@workflow\nasync def flow(n: int) -> int:\n    return grow(n)\n"
    in_nested = (
        f"{head}\n@workflow\nasync def flow(n: int) -> int:\n"
        f"    async def inner():\n        return {expression}\n    return await inner()\n"
    )
    return in_workflow, in_helper, in_nested


@pytest.mark.parametrize(
    ("text", "code"), FORBIDDEN_IN_WORKFLOWS.items(), ids=lambda value: str(value).partition("~")[2] or value
)
@pytest.mark.parametrize("where", ["workflow", "helper", "nested"])
def test_workflow_code_is_held_to_what_a_replay_can_repeat(notebook, text: str, code: str, where: str):
    source = dict(zip(("workflow", "helper", "nested"), nondeterministic(text), strict=True))[where]
    if where == "helper" and "await" in source.partition("@workflow")[0]:
        pytest.skip("a helper is no coroutine")
    notebook.run(source)
    assert [diagnostic.code for diagnostic in notebook.lint()] == [code]


@pytest.mark.parametrize("text", ALLOWED_IN_WORKFLOWS)
def test_workflow_code_may_do_what_a_replay_repeats(notebook, text: str):
    notebook.run(nondeterministic(text)[0])
    assert notebook.lint() == []


@pytest.mark.parametrize("text", [text for text, code in FORBIDDEN_IN_WORKFLOWS.items() if code != "JW310"])
def test_activities_may_do_all_that_workflows_may_not(notebook, text: str):
    head, _, expression = text.rpartition("~")
    notebook.run(
        f"{head}\nasync def load(n: int) -> int:\n    x = {expression}\n    return n\n"
        "@workflow\nasync def flow(n: int) -> int:\n    return await load(n)\n"
    )
    assert notebook.lint() == []
