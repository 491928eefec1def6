"""The same job in two other tools: fail in the last step, correct it, resume; until that step runs again.

Both are installed into an environment of their own, made here and thrown away. LangGraph's nodes run in the process
that resumes, which has to be up; Metaflow's are processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Marks

PACKAGES = ("metaflow==2.19.39", "langgraph==1.2.24", "langgraph-checkpoint-sqlite==3.1.2")
INSTALL_SECONDS = 900.0
RUN_SECONDS = 1_200.0
SEQUENTIAL = 5_000

METAFLOW_STEP = """
    @step
    def s{number}(self):
        self.value += 1
        self.next(self.{next})
"""
METAFLOW = """import time
from metaflow import FlowSpec, step

class Job(FlowSpec):
    @step
    def start(self):
        self.value = 0
        self.next(self.s1)
{steps}
    @step
    def last(self):
        with open({log!r}, "a") as file:
            file.write(f"{{time.time()}}\\n")
        self.value = {round} / 0
        self.next(self.end)

    @step
    def end(self):
        pass

Job()
"""
LANGGRAPH = """import sqlite3, sys, time
from typing import TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

STEPS, ROUNDS, FILE, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]

class State(TypedDict):
    value: int

def one(state: State) -> State:
    return {"value": state["value"] + 1}

def made(number: int, saver):
    def last(state: State) -> State:
        with open(LOG, "a") as file:
            file.write(f"{time.time()}\\n")
        return {"value": number // 0}

    graph = StateGraph(State)
    graph.add_node("one", one)
    graph.add_node("last", last)
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", lambda state: "last" if state["value"] >= STEPS else "one")
    graph.add_edge("last", END)
    return graph.compile(checkpointer=saver)

saver = SqliteSaver(sqlite3.connect(FILE, check_same_thread=False))
config = {"configurable": {"thread_id": "job"}, "recursion_limit": STEPS + 10}
for number in range(ROUNDS + 1):
    # As in a notebook: the corrected node is defined anew in the process there is, and the graph made of it.
    began = time.time()
    try:
        made(number, saver).invoke(None if number else {"value": 0}, config)
    except ZeroDivisionError:
        pass
    print(began, flush=True)
"""


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Both tools, with 50 steps before; and the second with 5,000, which take the first hours."""
    python = installed(folder / "environment")
    few = langgraph(folder, python, 50, plan.rounds)
    many = langgraph(folder, python, SEQUENTIAL, plan.rounds)
    flow = metaflow(folder, python, 50, min(plan.rounds, 5))
    name, graph = PACKAGES[0].replace("==", " "), PACKAGES[1].replace("==", " ")
    return [
        Measure(f"{name}, `python flow.py resume`: until the step runs again; 50 steps before", "", flow, float("inf")),
        Measure(f"{graph}, SQLite checkpoints, the process still up; 50 steps before", "", few, float("inf")),
        Measure(f"the same; {SEQUENTIAL:,} steps before", "", many, float("inf")),
    ]


def installed(place: Path) -> Path:
    """The interpreter of a new environment that has both tools."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=INSTALL_SECONDS)
    python = place / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    subprocess.run(pip, check=True, timeout=INSTALL_SECONDS)
    return python


def langgraph(folder: Path, python: Path, steps: int, rounds: int) -> list[float]:
    """How long each resumption takes from its thread's last checkpoint."""
    marks = Marks(folder / f"langgraph-{steps}.txt")
    script = folder / "graph.py"
    script.write_text(LANGGRAPH)
    file = folder / f"langgraph-{steps}.sqlite"
    line = [str(python), str(script), str(steps), str(rounds), str(file), str(marks.path)]
    told = subprocess.run(line, check=True, capture_output=True, text=True, timeout=RUN_SECONDS, cwd=folder)
    begun = [float(text) for text in told.stdout.split()]
    return [marks.next_after(number) - begun[number] for number in range(1, rounds + 1)]


def metaflow(folder: Path, python: Path, steps: int, rounds: int) -> list[float]:
    """How long each `resume` takes from the command to the corrected step."""
    marks = Marks(folder / "metaflow.txt")
    script = folder / "flow.py"
    environment = {
        **os.environ,
        "METAFLOW_HOME": str(folder / "metaflow"),
        "METAFLOW_USER": "bench",
        "USERNAME": "bench",
    }
    environment |= {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder), "METAFLOW_DEFAULT_METADATA": "local"}
    times: list[float] = []
    for number in range(rounds + 1):
        script.write_text(metaflow_source(steps, number, marks.path))
        seen, began = marks.count(), time.time()
        verb = ["resume", "last"] if number else ["run"]
        line = [str(python), str(script), "--no-pylint", *verb]
        subprocess.run(line, capture_output=True, timeout=RUN_SECONDS, cwd=folder, env=environment, check=False)
        if number:
            times.append(marks.next_after(seen) - began)
    return times


def metaflow_source(steps: int, number: int, log: Path) -> str:
    """A flow of so many steps and a last one that fails."""
    names = [f"s{step + 1}" for step in range(1, steps)] + ["last"]
    body = "".join(METAFLOW_STEP.format(number=step + 1, next=name) for step, name in enumerate(names))
    return METAFLOW.format(steps=body, log=str(log), round=number)
