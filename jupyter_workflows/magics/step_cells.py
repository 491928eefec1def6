"""What a `%%workflow` or `%%activity` cell does with the functions its body has defined."""

from __future__ import annotations

import inspect
import types
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from ..authoring import Activity, Workflow, activity, workflow
from ..authoring.definitions import StartOptions
from ..commands.arguments import call_arguments
from ..commands.outcomes import Display, Outcome
from ..commands.workflow_commands import diagnostics_of, diagnostics_outcome
from ..errors import AuthoringError
from ..notebook.catalog import unknown
from ..session import Session
from .card import workflow_card
from .lines import show
from .options import activity_options, parse_line
from .recording import Recorder


@dataclass(frozen=True)
class Seen:
    """What the last bundle of a workflow was."""

    digest: str
    behaviour: str


class StepCells:
    """The two cell magics of a shell."""

    def __init__(self, shell: Any, session: Session, recorder: Recorder) -> None:
        self.shell = shell
        self.session = session
        self.recorder = recorder
        self.seen: dict[str, Seen] = {}

    def begin(self, magic: str, line: str) -> None:
        """Before the body: refuses a line that makes no sense.

        Raises:
            CommandError: The options make no sense.
        """
        parse_line(magic, line)

    def finish(self, magic: str, line: str, names: list[str]) -> None:
        """After the body, which has defined the functions `names`.

        Raises:
            JupyterWorkflowsError: What was defined can't become what the magic says.
        """
        self.recorder.complete()
        options = parse_line(magic, line)
        if magic == "activity":
            self.make_activities(options, names)
        else:
            self.make_workflows(options, names)

    def run_cell(self, magic: str, line: str, body: str) -> None:
        """Runs a cell that IPython hands over to the magic: one that a program made."""
        with self.recorder.apart():
            result = self.shell.run_cell(f"%%{magic} {line}\n{body}", store_history=False)
        result.raise_error()

    def defined(self, names: list[str]) -> dict[str, Any]:
        """The functions of the cell as the notebook has them now."""
        return {name: self.shell.user_ns[name] for name in names if name in self.shell.user_ns}

    def make_activities(self, options: Namespace, names: list[str]) -> None:
        """Decorates the functions of the cell that are not decorated themselves.

        Raises:
            AuthoringError: There is none.
        """
        found = self.defined(names)
        plain = {name: value for name, value in found.items() if isinstance(value, types.FunctionType)}
        if not plain and not any(isinstance(value, Activity) for value in found.values()):
            raise AuthoringError(
                "the cell defines no function: %%activity makes the functions of its cell activities", code="JW441"
            )
        if options.name is not None and len(plain) != 1:
            raise AuthoringError(
                f"--name is for one function, and the cell has {len(plain)} to name ({', '.join(plain) or 'none'}): "
                'write @activity(name="...") above each',
                code="JW442",
            )
        decorate = activity(**activity_options(options))
        for name, function in plain.items():
            self.shell.user_ns[name] = decorate(function)

    def make_workflows(self, options: Namespace, names: list[str]) -> None:
        """Bundles the workflows of the cell, shows them, and starts one where that was asked for."""
        found = self.workflows(options, names)
        main = chosen(found, options.name)
        for item in found.values():
            item.start_options = StartOptions(capture=tuple(options.capture))
        if options.lint:
            for item in found.values():
                self.show(self.lint(item))
            return
        for item in found.values():
            self.show(self.bundle(item))
        if options.start is not None:
            args, kwargs = call_arguments(options.start)
            wanted = main.options(id=options.id, if_exists=options.if_exists, capture=options.capture)
            self.show(self.session.start(wanted, tuple(args), kwargs))

    def workflows(self, options: Namespace, names: list[str]) -> dict[str, Workflow[Any, Any]]:
        """The workflows that the cell defines, by variable; a single undecorated `async def` becomes one.

        Raises:
            AuthoringError: There is none, or it can't be told which function it is.
        """
        defined = self.defined(names)
        found: dict[str, Workflow[Any, Any]] = {
            name: value for name, value in defined.items() if isinstance(value, Workflow)
        }
        if found:
            return found
        candidates = [
            name
            for name, value in defined.items()
            if isinstance(value, types.FunctionType) and inspect.iscoroutinefunction(value)
        ]
        if len(candidates) == 1:
            name = candidates[0]
            self.shell.user_ns[name] = promoted = workflow(name=options.name)(defined[name])
            return {name: promoted}
        if candidates:
            raise AuthoringError(
                f"the cell has {len(candidates)} `async def` ({', '.join(candidates)}), and which of them is the "
                "workflow can't be told: put @workflow above that one",
                code="JW443",
            )
        raise AuthoringError(no_workflow(defined), code="JW444")

    def bundle(self, item: Workflow[Any, Any]) -> Outcome:
        """The card of a workflow whose bundle was just written."""
        bundle = self.session.bundle(item)
        manifest = bundle.manifest
        before = self.seen.get(item.name)
        self.seen[item.name] = Seen(manifest.digest, manifest.behaviour_digest)
        return workflow_card(item, manifest, change(before, self.seen[item.name]))

    def lint(self, item: Workflow[Any, Any]) -> Outcome:
        """The problems and warnings of a workflow."""
        return diagnostics_outcome(item.name, diagnostics_of(self.session, item))

    def show(self, value: Any) -> None:
        """Displays a value below the cell."""
        show(Display(value) if isinstance(value, Outcome) else value)


def change(before: Seen | None, now: Seen) -> str:
    """What has changed since the cell was last run, as far as behaviour goes."""
    if before is None:
        return ""
    if before.digest == now.digest:
        return "unchanged since it was last bundled"
    if before.behaviour == now.behaviour:
        return "only comments or layout have changed: it behaves as before"
    return ""


def no_workflow(defined: dict[str, Any]) -> str:
    """Says that a cell defines no workflow, and what would be one."""
    plain = [name for name, value in defined.items() if isinstance(value, types.FunctionType)]
    if len(plain) == 1:
        return f"the cell defines no workflow: a workflow is an `async def`; write `async def {plain[0]}(...)`"
    return "the cell defines no workflow: write an `async def` in it, which awaits the steps"


def chosen(found: dict[str, Workflow[Any, Any]], name: str | None) -> Workflow[Any, Any]:
    """The workflow that the magic's line means: the one it names, else the last.

    Raises:
        AuthoringError: The cell has none of that name.
    """
    if name is None:
        return list(found.values())[-1]
    for variable, item in found.items():
        if name in (variable, item.name):
            return item
    raise AuthoringError(unknown("the cell has", name, list(found)), code="JW445")
