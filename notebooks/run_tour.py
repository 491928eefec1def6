"""Runs a tour headless in its own runtime, writes the executed notebook and its HTML, and prints the outcome.

    python notebooks/run_tour.py notebooks/01_review_licences.ipynb --output build/demo

Everything the run leaves, the runtime's own files included, is below the output folder; the runtime is stopped
at the end.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

CELL_SECONDS = 600
REGISTER = "licence_register.sqlite"


def isolate(output: Path) -> None:
    """Lets the runtime, Jupyter and IPython keep their files below `output`, and the notebook answer by itself."""
    for name, folder in {
        "JUPYTER_WORKFLOWS_HOME": "home",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "IPYTHONDIR": "ipython",
    }.items():
        path = output / "state" / folder
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[name] = str(path)
    os.environ["JUPYTER_WORKFLOWS_HEADLESS"] = "1"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # The plot has to be visible in a file that fetches nothing.
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype+notebook"
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        del os.environ[name]


def execute(notebook: nbformat.NotebookNode, folder: Path) -> str | None:
    """Runs all cells; the error of the cell that failed, if one did."""

    def announce(cell: nbformat.NotebookNode, **_: object) -> None:
        heading = next((line for line in cell.source.splitlines() if line.startswith("#")), "")
        if cell.cell_type == "markdown" and heading:
            print(f"  {time.monotonic() - started:6.1f} s  {heading.lstrip('# ')}", flush=True)

    started = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=announce,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"a cell failed, its traceback stands in the written notebook: {error.ename}: {error.evalue}"
    return None


def write(notebook: nbformat.NotebookNode, output: Path, name: str) -> None:
    """Writes the executed notebook and its HTML."""
    nbformat.write(notebook, output / f"{name}.ipynb")
    html, _ = HTMLExporter().from_notebook_node(notebook)
    (output / f"{name}.html").write_text(html, encoding="utf-8")


def seconds_of(cell: nbformat.NotebookNode) -> float:
    """How long a cell ran, by the kernel's own messages."""
    times = cell.metadata.get("execution", {})
    busy, idle = times.get("iopub.status.busy"), times.get("iopub.status.idle")
    return (datetime.fromisoformat(idle) - datetime.fromisoformat(busy)).total_seconds() if busy and idle else 0.0


def report_register(path: Path) -> None:
    """Prints what the register holds, and every decision of a person."""
    database = sqlite3.connect(path)
    rows = database.execute(
        "SELECT package, version, score, decision, note, decided_by FROM register ORDER BY score DESC, package"
    ).fetchall()
    database.close()
    decisions = Counter(row[3] for row in rows)
    print(f"\nRegister: {len(rows)} packages; " + ", ".join(f"{count} {name}" for name, count in decisions.items()))
    print("\nDecided by a person:")
    for package, version, score, decision, note, decided_by in rows:
        if decided_by != "the rules":
            print(f"  {score:.2f}  {package + ' ' + version:28} {decision:18} {decided_by:10} {note}")


def report(notebook: nbformat.NotebookNode, output: Path) -> None:
    """Prints register, approvals, the notebook's closing words and where the time went."""
    if (output / REGISTER).exists():
        report_register(output / REGISTER)
    closing = [item.text for item in notebook.cells[-1].outputs if item.output_type == "stream"]
    print("\n" + "".join(closing).rstrip())
    slowest = sorted((cell for cell in notebook.cells if cell.cell_type == "code"), key=seconds_of, reverse=True)
    print("\nSlowest cells: " + ", ".join(f"{cell.id} {seconds_of(cell):.1f} s" for cell in slowest[:5]))


def stop_runtime() -> None:
    """Ends the embedded runtime of this run."""
    subprocess.run([sys.executable, "-m", "jupyter_workflows.cli", "down"], check=False, timeout=60)


def main() -> int:
    """Runs the notebook named on the command line; 0 when every cell ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    isolate(output)

    print(f"Running {arguments.notebook} headless", flush=True)
    notebook = nbformat.read(arguments.notebook, as_version=4)
    started = time.monotonic()
    try:
        error = execute(notebook, output)
        seconds = time.monotonic() - started
        write(notebook, output, arguments.notebook.stem)
    finally:
        stop_runtime()
    if error:
        print(error, file=sys.stderr)
        return 1
    report(notebook, output)
    print(f"\n{seconds:.1f} s in all. Executed notebook and HTML: {arguments.output}/{arguments.notebook.stem}.*")
    return 0


if __name__ == "__main__":
    sys.exit(main())
