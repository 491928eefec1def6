"""What encryption and telemetry cost: the same many runs in three homes, turn and turn about."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.engine import CELLS
from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Notebook
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security import keyrings

STEPS = 5
# Takes what is sent, in a process of its own as a collector would, and reads none of it.
SINK = """
import http.server

class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@contextmanager
def collector() -> Iterator[dict[str, str]]:
    """The variables that name a collector."""
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{process.stdout.readline().strip()}"}
        finally:
            process.kill()


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Many runs of five steps: plain, encrypted, and with traces, metrics and logs sent to a collector."""
    plain, encrypted, told = homes = [Home.locate(folder / name) for name in ("plain", "encrypted", "told")]
    keyrings.turn_on(encrypted.keys, NAMESPACE)
    with ExitStack() as stack:
        variables = stack.enter_context(collector())
        notebooks: list[Notebook] = []
        for home in homes:
            stack.callback(local_runtime.down, home)
            local_runtime.ensure(home)
            notebooks.append(
                stack.enter_context(Notebook(home.data, folder, variables if home is told else None)),
            )
        times: dict[Home, list[float]] = {home: [] for home in homes}
        for notebook in notebooks:
            for cell in CELLS:
                notebook.run(cell)
        for number in range(plan.rounds + 1):
            for home, notebook in zip(homes, notebooks, strict=True):
                seconds = float(notebook.run(f"print(ours_many({plan.runs}, {STEPS}))", seconds=600))
                if number:  # the first round warms up
                    times[home].append(seconds)
    what = f"{plan.runs} runs of {STEPS} steps"
    return [
        Measure(f"{what}, encrypted", "at most 1.10 x without", times[encrypted], 1.10, against=times[plain]),
        Measure(f"{what}, with telemetry", "at most 1.05 x without", times[told], 1.05, against=times[plain]),
    ]
