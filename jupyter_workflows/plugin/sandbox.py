"""Temporal's sandbox, entered for workflow code only."""

from __future__ import annotations

import sys
from typing import Any, cast

from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.worker.workflow_sandbox._runner import _Instance  # pyright: ignore[reportPrivateUsage]

from ..authoring.bundles import imported_afresh

IN_SANDBOX = "__temporal_in_sandbox"


class Instance(_Instance):
    """One run in the sandbox.

    For each payload the SDK asks the instance three times whose it is, and enters the sandbox to do so, at 0.1 ms each:
    a quarter of a worker's time for short steps. What answers is the SDK's own code over its own state; no code of the
    workflow runs, so it is asked directly.
    """

    def get_serialization_context(self, command_info: Any) -> Any:
        """Whose payload it is, for the codec."""
        inside = cast("Any", self.globals_and_locals).get(IN_SANDBOX)
        if inside is None:
            return super().get_serialization_context(command_info)
        return inside.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        """Whose payload it is, for the storage of large values."""
        inside = cast("Any", self.globals_and_locals).get(IN_SANDBOX)
        if inside is None:
            return super().get_external_store_context(command_info)
        return inside.get_external_store_context(command_info)


class Sandbox(SandboxedWorkflowRunner):
    """Temporal's sandboxed runner with these instances."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The instance of one run."""
        return Instance(det, self.runner_class, self.restrictions)


def sandbox() -> Sandbox:
    """Temporal's sandbox with all that is imported by now passed through, except the `workflows` of bundles.

    A bundle's `workflows.py` is imported afresh for each run, so that runs share no state; its models and
    activities, and every library, are the process's own.
    """
    afresh = imported_afresh()
    names = [name for name in list(sys.modules) if name not in afresh and not is_workflow_code(name)]
    return Sandbox(restrictions=SandboxRestrictions.default.with_passthrough_modules(*names))


def is_workflow_code(module: str) -> bool:
    """Whether a module is a bundle's package itself or its `workflows`."""
    package, _, rest = module.partition(".")
    return package.startswith("jw_") and rest in ("", "workflows")
