"""A notebook that works for a Temporal server of its user's own, by the standard settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import ensure
from jupyter_workflows.local.specs import HostSpec, remembered
from jupyter_workflows.runs.client import StartRequest, start_run
from jupyter_workflows.worker import task_queue
from tests.authoring.conftest import write_bundle
from tests.dev_server import dev_server

WORKFLOWS = "@workflow\nasync def greet(name: str) -> str:\n    return await hello(name)\n"
ACTIVITIES = (
    "import os\n@activity\ndef hello(name: str) -> str:\n    return f\"{name} by {os.environ['TEMPORAL_ADDRESS']}\"\n"
)


def test_a_worker_host_serves_the_server_of_the_settings(own_home: Home) -> None:
    runtime = ensure(own_home)
    path = write_bundle(own_home.create().bundles, WORKFLOWS, ACTIVITIES)
    server = loop_thread().run(dev_server())
    try:
        settings = Settings(server.client.service_client.config.target_host)
        spec = HostSpec.of_this_process().for_server(settings)
        runtime.load_bundle(spec, path)
        client = loop_thread().run(connect(settings, home=own_home))
        queue = task_queue(path.name.removeprefix("jw_"), spec.key)
        request = StartRequest(workflow="greet", args=["Ada"], task_queue=queue)
        assert start_run(client, request, home=own_home).result(timeout=30) == f"Ada by {settings.address}"
        assert [found.server for found, _ in remembered(own_home)] == [f"{settings.address}/default"]
    finally:
        loop_thread().run(server.shutdown())


def test_an_api_key_reaches_the_host_and_not_the_disk(tmp_path: Path) -> None:
    spec = HostSpec.of_this_process().for_server(Settings("cloud.example:7233", "ns", api_key="secret-key"))
    assert spec.settings() == Settings("cloud.example:7233", "ns", api_key="secret-key")
    assert "secret-key" not in str(spec.message(with_env=False))


@pytest.mark.parametrize("server", ["a:1/default", "b:1/default", None])
def test_each_server_has_a_host_of_its_own(server: str | None) -> None:
    others = {"a:1/default", "b:1/default", None} - {server}
    spec = HostSpec.of_this_process()._replace(server=server)
    assert spec.key not in {spec._replace(server=other).key for other in others}
