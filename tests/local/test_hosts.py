from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Runs


def test_a_bundle_is_served_by_a_host_of_the_notebook(served: Runs):
    assert served.run("greet", "you") == "hello you"
    host = served.host()
    assert served.bundle.name in host.bundles
    assert host.leases == 1
    assert host.error is None
    assert host.pid not in (None, os.getpid())


def test_a_step_sees_the_environment_and_directory_of_the_kernel(served: Runs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("A_KEY", "secret")
    served.load()
    assert served.run("look", "A_KEY") == f"secret in {Path.cwd()}"


def test_a_bundle_that_is_surely_served_costs_no_more_files(served: Runs, monkeypatch: pytest.MonkeyPatch):
    served.load()
    remembered = served.runtime.home.hosts / f"{served.spec.key}.json"
    written = remembered.stat().st_mtime_ns
    served.load()
    assert remembered.stat().st_mtime_ns == written
    monkeypatch.setenv("A_KEY", "another")
    served.load()
    assert remembered.stat().st_mtime_ns > written
    assert served.run("look", "A_KEY").startswith("another in ")
