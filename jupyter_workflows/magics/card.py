"""The card below a `%%workflow` cell: what the workflow takes, does and gives, and what to watch for."""

from __future__ import annotations

from typing import Any

from ..authoring import Workflow
from ..commands.outcomes import Outcome
from ..commands.tables import Cell, Facts, Page, Rendered
from ..runs.static_html import render_workflow
from ..schema import BundledWorkflow, Diagnostic, Manifest

SHOWN_STEPS = 12
# A page with our extension shows the live card, with a form to start it; see `labextension/src/lab/topics.ts`.
WORKFLOW_MIME = "application/vnd.jupyter-workflows.workflow+json"


def workflow_card(workflow: Workflow[Any, Any], manifest: Manifest, change: str) -> Outcome:
    """The card of a bundled workflow.

    Args:
        workflow: The workflow.
        manifest: Its bundle's.
        change: What has changed since it was last bundled; empty where there is nothing to say.
    """
    found = next(item for item in manifest.workflows if item.name == workflow.name)
    text = CardText(found, manifest, change)
    shown = Rendered(
        text, lambda: render_workflow(found, digest=manifest.digest, warnings=manifest.warnings, remark=change)
    )
    data = {
        "workflow": found,
        "digest": manifest.digest,
        "behaviour_digest": manifest.behaviour_digest,
        "warnings": manifest.warnings,
        "change": change,
    }
    return Outcome(data=data, shown=shown, forms={WORKFLOW_MIME: {"digest": manifest.digest, "name": workflow.name}})


class CardText:
    """The card as text."""

    def __init__(self, workflow: BundledWorkflow, manifest: Manifest, change: str) -> None:
        self.workflow = workflow
        self.manifest = manifest
        self.change = change

    def text(self, page: Page) -> str:
        """The card."""
        facts = Facts(
            Cell(f"workflow {self.workflow.name}{self.workflow.signature}", "strong"),
            [
                ("does", self.workflow.description),
                ("steps", self.steps()),
                ("bundle", self.manifest.digest[:12]),
                ("note", self.change),
                *[("warning", Cell(warning_words(warning), "waiting")) for warning in self.manifest.warnings],
            ],
        )
        return facts.text(page)

    def html(self) -> str:
        """The card as HTML is rendered with the other cards."""
        return render_workflow(self.workflow, digest=self.manifest.digest, warnings=self.manifest.warnings)

    def steps(self) -> str:
        """The steps in source order, each with the cell that defines it."""
        cells = {item.function: item.cell_number for item in self.manifest.activities}
        words = [
            f"{name} [{cells[name]}]" if cells.get(name) is not None else name for name in self.workflow.activities
        ]
        more = len(words) - SHOWN_STEPS
        return " → ".join(words[:SHOWN_STEPS]) + (f" … and {more} more" if more > 0 else "")


def warning_words(warning: Diagnostic) -> str:
    """A warning on one line, without the line of source."""
    place = f"{warning.location}: " if warning.location else ""
    return f"{warning.code} {place}{warning.message}. {warning.remedy}"
