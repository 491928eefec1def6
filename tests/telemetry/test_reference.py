"""The reference has each metric as it is."""

from __future__ import annotations

import re
from pathlib import Path

from jupyter_workflows.telemetry.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs/reference/telemetry.md").read_text(encoding="utf-8")
KINDS = {"seconds": "histogram of durations"}


def test_reference_lists_each_metric_as_it_is():
    rows = re.findall(r"^\| `(jupyter_workflows_\w+)` \| ([^|]+) \| ([^|]*)\| ([^|]+) \|$", PAGE, re.MULTILINE)
    found = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows]
    assert found == [(each.name, KINDS.get(each.kind, each.kind), each.labels, each.meaning) for each in METRICS]
