"""Every exception of the package.

    JupyterWorkflowsError
    ├── AuthoringError              a definition or a call that can't work (code, cell and line known)
    │   ├── ClosureError            a workflow can't be bundled; carries every diagnostic at once
    │   └── ArgumentsError          the arguments of a start do not fit the workflow's signature
    ├── CommandError                a command was given what it can't work with
    ├── ConnectionFailed            no Temporal server could be reached
    ├── RuntimeFailed               the embedded runtime could not be started or kept up
    │   └── WorkerUnavailable       no worker host could be started for a bundle
    ├── WorkflowNotFound            no bundle, or nothing that is published, has this name
    ├── BadRequest                  a request is malformed, whatever it asks for
    ├── RunNotFound                 no run has this id
    ├── RunAlreadyExists            a run with this id exists, and the caller asked for a new one
    ├── WorkflowFailed              a run ended without a result; names the step, the cell and the line
    │   ├── WorkflowCancelled       ... because it was cancelled
    │   ├── WorkflowTerminated      ... because it was terminated
    │   └── WorkflowTimedOut        ... because its time was over
    ├── StepFailed                  inside a workflow: an awaited step failed for good (also an instance of
    │                               the original exception's type where that type is known)
    │   └── StepRefused             ... because a person did not let a step run that can't be undone
    ├── NotPermitted                no role of the person in the workspace gives the right
    ├── IdentityRefused             a token does not say who somebody is; says why
    ├── WorkspacesInvalid           the file that gives people their roles can't be used
    ├── ApprovalRefused             a decision was not accepted; says who decided, or why not
    ├── ApprovalTimedOut            inside a workflow: `on_timeout="raise"` and nobody decided in time
    ├── ExportFailed                a workflow could not be written as a package
    ├── PublishRefused              a workflow can't be published as wished, or a token can't be made
    ├── CallerRefused               a caller's token doesn't let it do that
    ├── ScheduleRefused             a schedule can't be as wished, or there is none of this name
    │   └── ScheduleNotFound        ... because there is none of this name
    ├── ReplayFailed                a history could not be replayed: not what it shows, but that nothing was shown
    ├── ResumeRefused               a run can't be resumed as wished; says from where it can
    ├── ResultNotReady              a wait for a run was over before the run was
    ├── ModelCallFailed             a model could not be asked, or its answer was none
    ├── ToolServerFailed            an MCP server could not be used
    ├── AgentUnfinished             the value of an agent that a limit stopped was read
    ├── CheckFailed                 an answer is doubtful, and neither repair nor a person settled it
    ├── AuditFailed                 a run's audit file could not be written or read
    ├── BudgetSpent                 inside a workflow or step: the budget is spent, of the run or of its workspace
    ├── DurableCellError            a durable cell can't begin or be recorded; its values stay in the kernel
    └── PayloadError                a value could not be sent, stored or read back
        └── EncryptionFailed        ... because a key is missing or wrong, or the value was changed or moved
            └── KeyDestroyed        ... because its key was destroyed: the value is erased

A message is one sentence: what happened, the value, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from .schema import CellLocation, Diagnostic, Doubt, Failure


class JupyterWorkflowsError(Exception):
    """What every exception of the package derives from."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows what this gives: a message, where a traceback would lead through our own code.
        known = next(kind for kind in type(self).__mro__ if not kind.__name__.startswith("_"))
        return [f"{known.__name__}: {self}"]


class AuthoringError(JupyterWorkflowsError):
    """A definition or a call that can't work.

    Args:
        message: What happened, with the value, and the remedy.
        code: The `JW...` code under which the reference documents the mistake.
        location: Cell and line of the mistake, where they are known.
    """

    def __init__(self, message: str, *, code: str, location: CellLocation | None = None) -> None:
        self.code = code
        self.location = location
        place = f" ({location})" if location else ""
        super().__init__(f"{code}: {message}{place}")


class ClosureError(AuthoringError):
    """A workflow can't be bundled; `diagnostics` holds every reason, not only the first."""

    def __init__(self, workflow: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.workflow = workflow
        self.diagnostics = list(diagnostics)
        first = self.diagnostics[0]
        lines = "\n".join(f"  {diagnostic}" for diagnostic in self.diagnostics)
        problems = "1 problem" if len(self.diagnostics) == 1 else f"{len(self.diagnostics)} problems"
        JupyterWorkflowsError.__init__(self, f"{workflow} can't run outside the notebook, {problems}:\n{lines}")
        self.code = first.code
        self.location = first.location


class ArgumentsError(AuthoringError):
    """The arguments of a start do not fit the workflow's signature."""


class CommandError(JupyterWorkflowsError):
    """A command of `%workflow` or `jupyter workflows` was given what it can't work with."""


class ConnectionFailed(JupyterWorkflowsError):
    """No Temporal server could be reached with the settings in force."""


class RuntimeFailed(JupyterWorkflowsError):
    """The embedded runtime could not be started or kept up."""


class WorkerUnavailable(RuntimeFailed):
    """No worker host could be started for a bundle."""


class WorkflowNotFound(JupyterWorkflowsError):
    """No bundle on this machine, or nothing that is published, has this name."""


class BadRequest(JupyterWorkflowsError):
    """A request is malformed, whatever it asks for."""


class RunNotFound(JupyterWorkflowsError):
    """No run has this id in the connected namespace."""


class RunAlreadyExists(JupyterWorkflowsError):
    """A run with this id exists, and the caller did not say what to do then."""


class WorkflowFailed(JupyterWorkflowsError):
    """A run ended without a result.

    Args:
        message: What happened, and in which step.
        run_id: The workflow id of the run.
        failure: The step, cell, line and causes, as far as history tells.
    """

    def __init__(self, message: str, *, run_id: str = "", failure: Failure | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.failure = failure

    @property
    def step(self) -> str | None:
        """The id of the step that failed, if a step did."""
        return self.failure.step if self.failure else None

    @property
    def location(self) -> CellLocation | None:
        """Cell and line where the failure arose, where they are known."""
        return self.failure.location if self.failure else None


class WorkflowCancelled(WorkflowFailed):
    """The run was cancelled."""


class WorkflowTerminated(WorkflowFailed):
    """The run was terminated."""


class WorkflowTimedOut(WorkflowFailed):
    """The run's time was over."""


class StepFailed(JupyterWorkflowsError):
    """Inside a workflow: an awaited step failed for good.

    It is also an instance of the original exception's type where that type is known to the bundle, so
    `except ValueError:` around an awaited step works as it does around a plain call. It has the original's message, and
    nothing else of it: what travels is text.

    Args:
        message: The original exception's message.
        step: The id of the step.
        error_type: The class name of the original exception.
    """

    def __init__(self, message: str, *, step: str = "", error_type: str = "") -> None:
        super().__init__(message)
        self.step = step
        self.error_type = error_type


class StepRefused(StepFailed):
    """Inside a workflow: a person did not let a step run that can't be undone."""


class NotPermitted(JupyterWorkflowsError):
    """No role of the person in the workspace gives the right; says which would."""


class IdentityRefused(JupyterWorkflowsError):
    """A token does not say who somebody is: it was changed, is over, or is of nobody who is trusted; says which."""


class WorkspacesInvalid(JupyterWorkflowsError):
    """The file that gives people their roles can't be used; names the line.

    Until it is corrected nobody may do anything.
    """


class ApprovalRefused(JupyterWorkflowsError):
    """A decision was not accepted: somebody else decided first, or the reason the message gives."""


class ApprovalTimedOut(JupyterWorkflowsError):
    """Nobody decided in time, and the approval was asked for with `on_timeout="raise"`."""


class ExportFailed(JupyterWorkflowsError):
    """A workflow could not be written as a package; nothing of what was there is lost."""


class PublishRefused(JupyterWorkflowsError):
    """A workflow can't be published as wished, or a token can't be made; names the option and what it takes."""


class CallerRefused(JupyterWorkflowsError):
    """A caller's token doesn't let it do that; says who can change it."""


class ScheduleRefused(JupyterWorkflowsError):
    """A schedule can't be as wished, or there is none of this name; names the field and what it takes."""


class ScheduleNotFound(ScheduleRefused):
    """There is no schedule of this name."""


class ReplayFailed(JupyterWorkflowsError):
    """A history could not be replayed; that code disagrees with one is no failure but the answer."""


class ResumeRefused(JupyterWorkflowsError):
    """A run can't be resumed as wished.

    Args:
        message: Why, and from where it can.
        step: The latest step it can be resumed from, where there is one.
        location: The line of the code that disagrees with the run.
    """

    def __init__(self, message: str, *, step: str | None = None, location: CellLocation | None = None) -> None:
        super().__init__(message)
        self.step = step
        self.location = location


class ResultNotReady(JupyterWorkflowsError, TimeoutError):
    """A wait for a run was over before the run was."""


class PayloadError(JupyterWorkflowsError):
    """A value could not be sent, stored or read back."""


class EncryptionFailed(PayloadError):
    """A key is missing or wrong, or an encrypted value was changed or moved.

    A run whose worker lacks the key waits: it goes on when the worker has it.
    """


class KeyDestroyed(EncryptionFailed):
    """A value is erased: the key it was encrypted with was destroyed on purpose.

    Args:
        message: What is erased, and since when.
        key: The key's name.
    """

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class AuditFailed(JupyterWorkflowsError):
    """A run's audit file could not be written or read; that a file was changed is no failure but the answer."""


class ModelCallFailed(JupyterWorkflowsError):
    """A model could not be asked, or its answer was none.

    Args:
        message: What happened, with server and model, and what to do about it.
        kind: What happened in one word, such as `rate_limited`; the reference lists them.
        retryable: Whether the same call may succeed later.
        retry_after: How long the server asks to wait before the next call.
        status: The HTTP status, if the server gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "",
        retryable: bool = False,
        retry_after: timedelta | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status


class ToolServerFailed(JupyterWorkflowsError):
    """An MCP server could not be reached or used; says why, and what to check."""


class AgentUnfinished(JupyterWorkflowsError):
    """The value of an agent that a limit stopped was read: there is none, and what it reached is in its `text`."""


class CheckFailed(JupyterWorkflowsError):
    """An answer is doubtful, and neither repair nor a person settled it.

    Args:
        message: Which step, what is doubtful, and what was tried.
        doubts: What the validators found.
        step: The id of the step that gave the answer.
        by: Who rejected it, if a person did.
    """

    def __init__(self, message: str, *, doubts: Sequence[Doubt] = (), step: str = "", by: str | None = None) -> None:
        super().__init__(message)
        self.doubts = list(doubts)
        self.step = step
        self.by = by


class BudgetSpent(JupyterWorkflowsError):
    """Inside a workflow: the budget is spent, and nobody allowed more; inside a step: that of its workspace is."""


class DurableCellError(JupyterWorkflowsError):
    """A durable cell can't begin, or could not be recorded; what it has computed stays in the kernel."""
