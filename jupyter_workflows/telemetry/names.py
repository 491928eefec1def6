"""The names of spans, attributes and metrics; `docs/reference/telemetry.md` says what they mean."""

from __future__ import annotations

SCOPE = "jupyter_workflows"
SERVICE = "jupyter-workflows"

# Attributes. The same words as in the package, below its name.
WORKFLOW = "jupyter_workflows.workflow"
RUN = "jupyter_workflows.run.id"
EXECUTION = "jupyter_workflows.run.run_id"
STEP = "jupyter_workflows.step.id"
STEP_NAME = "jupyter_workflows.step.name"
ATTEMPT = "jupyter_workflows.attempt"
QUEUE_SECONDS = "jupyter_workflows.queue_seconds"
CELL = "jupyter_workflows.cell.id"
CELL_NUMBER = "jupyter_workflows.cell.number"
STATUS = "jupyter_workflows.status"
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
ERROR = "error.type"
