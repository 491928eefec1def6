"""Workflows that can't run outside the notebook."""

from __future__ import annotations

from .mistake import Mistake, mistake


def workflow_cell(body: str, head: str = "async def main(a: int = 1):") -> str:
    """A `%%workflow` cell with this body."""
    return "%%workflow\n" + head + "".join(f"\n    {line}" for line in body.strip("\n").split("\n"))


def closure(name: str, body: str, *before: str) -> Mistake:
    """A mistake in the body of a workflow, after cells that are right."""
    return mistake(name, *before, workflow_cell(body))


LOAD = "def load(a):\n    return a"

MISTAKES = [
    closure("undefined name", "return amount"),
    closure("undefined function", "return await fetch(a)"),
    closure("deleted name", "return rate", "rate = 3", "del rate"),
    closure("name of a cell that failed", "return fee", "1 / 0\nfee = 2"),
    closure(
        "open file", "return await use(a)", "handle = open('note.txt', 'w')", "def use(a):\n    return handle.name"
    ),
    closure(
        "database connection",
        "return await query(a)",
        "import sqlite3\nconnection = sqlite3.connect(':memory:')",
        "def query(a):\n    return connection.execute('select 1').fetchone()",
    ),
    closure(
        "DataFrame",
        "return await total(a)",
        "import pandas as pd\nframe = pd.DataFrame({'x': [1]})\nframe['y'] = 2",
        "def total(a):\n    return int(frame.y.sum())",
    ),
    closure("changed constant", "return limits['a']", "limits = {}", "limits['a'] = 3"),
    closure(
        "constant from the network",
        "return page",
        "import subprocess\npage = subprocess.run(['echo', 'x'], capture_output=True).stdout",
    ),
    closure("constant from the clock", "return started", "import time\nstarted = time.time()"),
    closure(
        "secret from the environment",
        "return await call(a)",
        "import os\nkey = os.environ.get('HOME')",
        "def call(a):\n    return key",
    ),
    closure("function made by exec", "return await made(a)", "exec('def made(a): return a')"),
    closure("lambda as a step", "return await shorten(a)", "shorten = lambda a: a"),
    closure("step through a variable", "step = load\nreturn await step(a)", LOAD),
    closure("step through a list", "return [await step(a) for step in [load]]", LOAD),
    closure("activity without await", "store(a)\nreturn a", "@activity\ndef store(a): ..."),
    closure("activity used without await", "return store(a) + 1", "@activity\ndef store(a): ..."),
    closure("activity never awaited", "task = store(a)\nreturn 1", "@activity\ndef store(a): ..."),
    closure("function awaited and called", "x = await load(a)\nreturn load(x)", LOAD),
    closure("approval without await", "ok = human_approval('May it?')\nreturn a"),
    closure("sleep without await", "sleep(timeout(days=1))\nreturn a"),
    closure("clock", "return time.time()", "import time"),
    closure("date of today", "return str(datetime.now())", "from datetime import datetime"),
    closure("blocking sleep", "time.sleep(1)", "import time"),
    closure("random number", "return random.random()", "import random"),
    closure("random id", "return str(uuid.uuid4())", "import uuid"),
    closure("environment", "return os.environ['HOME']", "import os"),
    closure("file", "return open('x.txt').read()"),
    closure("request", "return urllib.request.urlopen('http://localhost').read()", "import urllib.request"),
    closure("process", "return subprocess.run(['ls'])", "import subprocess"),
    closure("thread", "return await asyncio.to_thread(len, 'x')", "import asyncio"),
    closure("keyboard", "return input('May it?')"),
    closure("clock in a helper", "return stamp(a)", "import time", "def stamp(a):\n    return (a, time.time())"),
    closure("global counter", "global runs_seen\nruns_seen = 1", "runs_seen = 0"),
    closure("shared list", "seen.append(a)\nreturn seen", "seen = []"),
    closure(
        "approval in an activity",
        "return await ask(a)",
        "async def ask(a):\n    return bool(await human_approval('May it?'))",
    ),
    closure("heartbeat in a workflow", "heartbeat(a)"),
    closure(
        "workflow in an activity",
        "return await outer(a)",
        "@workflow\nasync def inner(a): ...",
        "async def outer(a):\n    return await inner(a)",
    ),
    closure("start in a workflow", "return inner.start(a)", "@workflow\nasync def inner(a): ..."),
    closure(
        "two activities of one name",
        "await one(a)\nawait two(a)",
        "@activity(name='step')\ndef one(a): ...",
        "@activity(name='step')\ndef two(a): ...",
    ),
    closure("step of a library", "return await httpx.AsyncClient().get('x')", "import httpx"),
    closure("get_ipython", "return await shell(a)", "def shell(a):\n    return get_ipython()"),
    closure("magic in a function", "return await listing(a)", "def listing(a):\n    files = !ls\n    return files"),
    closure("last output", "return _"),
    mistake("workflow with stars", "%%workflow\nasync def main(*args): ..."),
    mistake("argument that can't travel", "import threading", "%%workflow\nasync def main(lock: threading.Lock): ..."),
    mistake(
        "workflow in a function",
        "def make():\n    @workflow\n    async def nested(): ...\n    return nested",
        "make().start()",
    ),
    mistake(
        "several problems at once",
        "import time, random",
        workflow_cell("x = time.time()\ny = random.random()\nreturn missing"),
    ),
    mistake(
        "captured value that can't be pickled",
        "import threading\nlock = threading.Lock()",
        "def hold(a):\n    return lock.locked()",
        "%%workflow --capture lock\nasync def main(a: int):\n    return await hold(a)",
    ),
]
