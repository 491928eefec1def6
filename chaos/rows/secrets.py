"""Row S8: a key that the worker needs is in no artefact: history, files, logs, outputs of cells, exports, errors."""

from __future__ import annotations

import base64
import urllib.parse
from pathlib import Path

from jupyter_workflows.testing import ModelServer

from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

ASKED = "The capital of France"
CELLS = [
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import Check, RetryPolicy, ai",
    """
import os
from pydantic import BaseModel

class City(BaseModel):
    name: str

def known(city):
    return None if city.name else "it has no name"

async def shout(text):
    answer = await ai.chat(f"Shout {text}")
    return answer.text.upper()

async def leak():
    print("printed", os.environ["MISTRAL_API_KEY"][:0])
    raise RuntimeError("the key is " + os.environ["MISTRAL_API_KEY"])
""",
    """
%%workflow
async def talk(topic: str) -> list[str]:
    city = await ai.parse(City, f"The capital of {topic}", check=Check(known, on_doubt="fail"))
    loud = await shout(topic)
    failed = []
    for step in (ai.chat("refused", retry=RetryPolicy(max_attempts=1)), leak()):
        try:
            await step
        except Exception as error:
            failed.append(str(error))
    return [city.value.name, loud, *failed]
""",
    "run = talk.start('France')\nprint(run.result(timeout=120))\nrun",
    "print(run.usage.calls, [(step.id, step.summary) for step in run.steps()])",
    "await ai.chat('here')",
]
"""A notebook that meets its key in every way: as a step, in an activity, in errors of a server and of its own code."""
RAISES = 5


def script(server: ModelServer) -> None:
    """What the model says to the notebook; a server that refuses a key repeats it."""
    server.reply({"name": "Paris"})
    server.reply("france")
    for _ in range(2):
        server.fault("status", status=401, body=f'{{"message": "Incorrect API key: {server.key}"}}')


def spellings(secret: str) -> list[bytes]:
    """A secret as it may stand in a file: plain, quoted for URLs, and in base64 at each place of a group."""
    plain = secret.encode()
    inner = [base64.b64encode(b"\0" * skip + plain)[4:-4] for skip in range(3)]
    return [plain, urllib.parse.quote(secret).encode(), *inner]


def files_with(folder: Path, secret: str) -> list[str]:
    """The files below a folder that hold a text, in any spelling."""
    known = spellings(secret)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path) for path in files if any(each in path.read_bytes() for each in known)]


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Run the notebook, write down all it gave, and look through every file there is."""
    with ModelServer() as server:
        stage.variables |= server.environment
        kernel = stage.bare_kernel()
        script(server)
        for cell in CELLS[:RAISES]:
            kernel.run(cell)
        kernel.run(f"try:\n    {CELLS[RAISES]}\nexcept Exception:\n    import traceback\n    traceback.print_exc()")
        kernel.run("get_ipython().run_line_magic('workflow', f'show {run.id}')")
        run = str(kernel.value("run.id"))
        artefacts = stage.folder / "artefacts"
        artefacts.mkdir()
        (artefacts / "outputs.json").write_text("\n".join(kernel.said), encoding="utf-8")
        kernel.run(f"run.audit({str(artefacts / 'audit.jsonl')!r})")
        history = stage.do(stage.client().get_workflow_handle(run).fetch_history())
        (artefacts / "history.json").write_text(history.to_json(), encoding="utf-8")
        stage.conclude(outcome)
        outcome.demand(server.count == 4, f"the model server was asked {server.count} times, wanted 4")
        outcome.demand(
            not files_with(stage.folder, server.key), f"the key is in {files_with(stage.folder, server.key)}"
        )
    found = {Path(path).name for path in files_with(stage.folder, ASKED)}
    # Where values are encrypted, the audit file is the one that holds those of the history.
    outcome.demand({"audit.jsonl", "outputs.json"} <= found, f"the search finds too little: {sorted(found)}")
    outcome.count = sum(path.is_file() for path in stage.folder.rglob("*"))
    outcome.demand(outcome.count >= count, f"only {outcome.count} files were looked through")


ROW = Row(
    "S8",
    "files that could hold a key of the worker: history, audit file, database, bundle, logs, outputs and errors of a "
    "notebook",
    20,
    20,
    play,
)
