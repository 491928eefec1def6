"""What workflow code may do and what only activities may; the expression after `~` is put where code runs."""

from __future__ import annotations

import pytest

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


def nondeterministic(text: str) -> tuple[str, str, str]:
    """Top-level lines, and the expression after `~` in a workflow and in a helper of one."""
    head, _, expression = text.rpartition("~")
    in_workflow = f"{head}\n@workflow\nasync def flow(n: int) -> int:\n    x = {expression}\n    return n\n"
    in_helper = (
        f"{head}\ndef grow(n):\n    return {expression}\n"
        "@workflow\nasync def flow(n: int) -> int:\n    return grow(n)\n"
    )
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
