"""The dashboard and the alert rules of an exported package ask for what its worker really tells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import promql_parser
import pytest
import yaml

from jupyter_workflows.telemetry.metrics import METRICS
from jupyter_workflows.testing import ModelServer

from ..conftest import eventually
from ..dev_server import QUICK_DISPATCH, dev_server
from .conftest import free_port
from .small import project, write

CELLS = """
from jupyter_workflows import ai, human_approval, RetryPolicy, timeout
# ---
@activity(retry=RetryPolicy(max_attempts=3, initial_interval=timeout(seconds=0.01)))
def fetch(page: str) -> str:
    from pathlib import Path
    if not Path(page).exists():
        Path(page).touch()
        raise ValueError("not yet")
    return f"page {page}"
# ---
@workflow
async def flow(page: str) -> str:
    "Fetches a page."
    text = str(await ai.chat(await fetch(page)))
    return text if await human_approval("Publish?") else ""
"""
METRIC = re.compile(r"\b(?:jupyter_workflows|temporal)_\w+(?=\{)")
SERVE = "from jupyter_workflows import deployment; deployment.main('page-fetcher', 'page_fetcher')"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("monitored") / "package"
    write(path, project(tmp_path_factory.mktemp("cells"), CELLS))
    return path


@pytest.fixture(scope="module")
def queries(root: Path) -> dict[str, str]:
    """Title to query of all that ships."""
    dashboard = json.loads((root / "monitoring/dashboard.json").read_text())
    rules = yaml.safe_load((root / "monitoring/alerts.yaml").read_text())
    shown = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    return shown | {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


def test_queries_are_such_as_prometheus_takes(queries: dict[str, str]):
    assert len(queries) > 20
    for title, query in queries.items():
        promql_parser.parse(query.replace("$__rate_interval", "5m"))
        assert '{package="page-fetcher"' in query, title


def test_rules_say_how_urgent_and_what_to_do(root: Path):
    rules = yaml.safe_load((root / "monitoring/alerts.yaml").read_text())
    for group in rules["groups"]:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
            promql_parser.parse(f"up[{rule['for']}]")
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert set(rule["annotations"]) == {"summary", "description"}


def test_dashboard_is_such_as_grafana_takes(root: Path):
    dashboard = json.loads((root / "monitoring/dashboard.json").read_text())
    assert dashboard["uid"] == dashboard["title"] == "page-fetcher"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    taken = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


class Worker:
    """The worker of the package, and its commands."""

    def __init__(self, root: Path, folder: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.folder = folder
        self.environment = environment | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(root / "src")]),
            "JUPYTER_WORKFLOWS_HOME": str(folder / "home"),
            "JUPYTER_WORKFLOWS_HEALTH": "off",
            "JUPYTER_WORKFLOWS_METRICS": f"127.0.0.1:{free_port()}",
            "JUPYTER_WORKFLOWS_GRACE_SECONDS": "1",
            "JUPYTER_WORKFLOWS_MODEL_PRICES": '{"*": {"input": 1, "output": 1}}',
        }

    def __enter__(self) -> Self:
        self.process = subprocess.Popen([sys.executable, "-c", SERVE, "worker"], cwd=self.folder, env=self.environment)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()

    def command(self, *words: str) -> Any:
        command = [sys.executable, "-c", SERVE, *words, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def samples(self) -> dict[str, float]:
        """Name to the sum over its series of what the worker tells."""
        found: dict[str, float] = {}
        try:
            with urllib.request.urlopen(
                f"http://{self.environment['JUPYTER_WORKFLOWS_METRICS']}/metrics", timeout=20
            ) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        for line in lines:
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                name = series.partition("{")[0]
                assert 'package="page-fetcher"' in series
                found[name] = found.get(name, 0.0) + float(value)
        return found


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.mark.timeout(180)
async def test_each_metric_they_name_is_one_that_the_worker_tells(
    root: Path, queries: dict[str, str], models: ModelServer, tmp_path: Path
):
    async with await dev_server([QUICK_DISPATCH]) as server:
        address = server.client.service_client.config.target_host
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TEMPORAL_"))}
        with Worker(root, tmp_path, {**environment, **models.environment, "TEMPORAL_ADDRESS": address}) as worker:
            assert eventually(worker.samples, 60)
            worker.command("start", "flow", json.dumps({"page": "1"}), "--id", "told")
            assert eventually(lambda: worker.samples().get("jupyter_workflows_approvals_waiting") == 1, 60)
            assert worker.samples()["jupyter_workflows_runs_open"] == 1
            assert eventually(lambda: worker.samples()["jupyter_workflows_approval_oldest_age"] > 0, 60)
            worker.command("approve", "told")
            assert eventually(lambda: worker.samples().get("jupyter_workflows_runs_ended") == 1, 60)
            told = worker.samples()
    asked = {name for query in queries.values() for name in METRIC.findall(query)}
    assert asked - told.keys() == set()
    known = {metric.name for metric in METRICS}
    assert {name for name in known if not any(each.startswith(name) for each in told)} == set()
    assert told["jupyter_workflows_step_retries"] == 1
    assert told["jupyter_workflows_tokens"] > 0
    assert told["jupyter_workflows_model_call_cost_sum"] > 0
    assert told["jupyter_workflows_recovery_rate"] == 1
