"""The extension as a whole: what is put into a shell, and taken out again.

Loading imports little; the session, with all that starts and shows runs, is made when it is first needed, which a
thread in the background sees to at once.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import no_var_expand

from ..authoring import Workflow
from ..authoring.launch import set_launcher
from ..commands.parser import build_parser
from ..errors import AuthoringError
from ..runs.viewing import set_viewer
from ..telemetry import is_on
from . import cells
from .completion import Matcher
from .options import PARSERS, PROGRAM, help_text
from .recording import Recorder
from .tracebacks import DEBUG_VARIABLE, ErrorDisplay

if TYPE_CHECKING:
    from ..session import Session
    from .cell_spans import CellSpans
    from .durable_cells import DurableCells
    from .step_cells import StepCells

PACKAGE = __name__.partition(".")[0]
WARM_VARIABLE = "JUPYTER_WORKFLOWS_WARM"


class KernelLauncher:
    """Starts the workflows of a kernel; makes its session when it is first needed."""

    def __init__(self, shell: Any, recorder: Recorder) -> None:
        self.shell = shell
        self.recorder = recorder
        self.directory = Path.cwd()
        self._made: Session | None = None
        self._making = threading.Lock()

    def session(self) -> Session:
        """The kernel's session."""
        with self._making:
            if self._made is None:
                from ..session import Session

                self._made = Session(
                    namespace=self.shell.user_ns,
                    directory=self.directory,
                    notebook=notebook_path(self.shell),
                    progress=tell,
                )
                self.recorder.attach(self._made.cells)
            return self._made

    def start(self, workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Starts a run and returns its handle at once."""
        return self.session().start(workflow, args, kwargs)

    def bundle(self, workflow: Workflow[Any, Any]) -> Any:
        """Writes the workflow's bundle and returns it."""
        return self.session().bundle(workflow)

    def workshop(self) -> Any:
        """Where runs are resumed from this kernel."""
        return self.session().workshop()


class Extension:
    """Everything the package puts into one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.recorder = Recorder(shell)
        self.launcher = KernelLauncher(shell, self.recorder)
        self.errors = ErrorDisplay(shell)
        self.weave = cells.Weave()
        self.cell_spans: CellSpans | None = None
        self.matcher = Matcher(self.launcher.session).matcher

    @functools.cached_property
    def step_cells(self) -> StepCells:
        """What the cell magics do."""
        from .step_cells import StepCells

        return StepCells(self.shell, self.launcher.session(), self.recorder)

    def load(self) -> None:
        """Puts everything in, and starts warming the runtime."""
        shell = self.shell
        set_launcher(self.launcher)
        self.recorder.note_history()
        shell.events.register("pre_run_cell", self.recorder.before)
        shell.events.register("post_run_cell", self.recorder.after)
        shell.events.register("post_run_cell", self.after)
        if is_on("traces"):
            self.trace_cells()
        shell.input_transformers_cleanup.append(cells.mark)
        shell.ast_transformers.append(self.weave)
        cells.handle("begin", self.begin)
        cells.handle("finish", self.finish)
        cells.handle("empty", refuse_empty)
        cells.handle("help", show_help)
        self.register_magics()
        if getattr(shell, "kernel", None) is not None:
            set_viewer(view_live)
        if getattr(shell, "Completer", None) is not None:
            shell.Completer.custom_matchers.append(self.matcher)
        if not os.environ.get(DEBUG_VARIABLE):
            self.errors.install()
        if os.environ.get(WARM_VARIABLE, "1") != "0":
            threading.Thread(
                target=warm, args=(self.launcher.session,), name="jupyter-workflows-warm", daemon=True
            ).start()

    @functools.cached_property
    def durable_cells(self) -> DurableCells:
        """The durable cells of the notebook."""
        from .durable_cells import DurableCells

        return DurableCells(self.shell, self.launcher.session(), self.recorder)

    def begin(self, magic: str, line: str, filename: str) -> bool:
        """Before the body of a cell with a magic of ours; whether the body is to run."""
        if magic == cells.DURABLE:
            return self.durable_cells.begin(line, filename)
        # What displays its workflow is imported meanwhile.
        threading.Thread(target=import_viewer, name="jupyter-workflows-viewer", daemon=True).start()
        self.step_cells.begin(magic, line)
        return True

    def after(self, result: Any) -> None:
        """After any cell."""
        if "durable_cells" in vars(self):
            self.durable_cells.after_cell(result)

    def trace_cells(self) -> None:
        """Makes each cell that does something with runs a span."""
        from .cell_spans import CellSpans

        self.cell_spans = CellSpans(self.shell)
        self.cell_spans.register()

    def finish(self, magic: str, line: str, names: list[str]) -> None:
        """After the body."""
        if magic == cells.DURABLE:
            self.durable_cells.finish()
        else:
            self.step_cells.finish(magic, line, names)

    def register_magics(self) -> None:
        """Registers the magics; `%workflow?` and `%%workflow?` show their help."""

        @no_var_expand
        def line(text: str) -> Any:
            from .lines import run_line

            return run_line(self.launcher.session(), text)

        line.__doc__ = help_text(build_parser(PROGRAM))
        self.shell.register_magic_function(line, "line", "workflow")
        for magic, parser in PARSERS.items():
            self.shell.register_magic_function(self.cell_magic(magic, help_text(parser())), "cell", magic)

    def cell_magic(self, magic: str, documentation: str) -> Callable[[str, str], None]:
        """The function behind a cell magic: its help, and what runs it where the cell itself was not marked."""

        @no_var_expand
        def cell(text: str, body: str) -> None:
            self.step_cells.run_cell(magic, text, body)

        cell.__doc__ = documentation
        return cell

    def unload(self) -> None:
        """Takes everything out; runs go on."""
        shell = self.shell
        self.errors.uninstall()
        if self.cell_spans is not None:
            self.cell_spans.unregister()
        with contextlib.suppress(ValueError):
            shell.events.unregister("pre_run_cell", self.recorder.before)
            shell.events.unregister("post_run_cell", self.recorder.after)
            shell.events.unregister("post_run_cell", self.after)
            shell.input_transformers_cleanup.remove(cells.mark)
            shell.ast_transformers.remove(self.weave)
            shell.Completer.custom_matchers.remove(self.matcher)
        shell.magics_manager.magics["line"].pop("workflow", None)
        for magic in PARSERS:
            shell.magics_manager.magics["cell"].pop(magic, None)
        set_launcher(None)
        set_viewer(None)
        if f"{PACKAGE}.session" in sys.modules:
            from ..session import use

            use(None)


def refuse_empty(magic: str) -> None:
    """Refuses a cell with nothing below its magic.

    Raises:
        AuthoringError: Always.
    """
    what = {"workflow": "an `async def`", "activity": "functions"}.get(magic, "code")
    raise AuthoringError(f"the cell has nothing below %%{magic}: write {what} there", code="JW440")


def show_help(magic: str) -> None:
    """Displays the help of a cell magic."""
    from .lines import HelpText, show

    show(HelpText(help_text(PARSERS[magic]())))


def view_live(shown: object) -> bool:
    """Displays a run, a list of runs or the inbox live; whether it could."""
    try:
        from ..widgets.viewer import view
    except ImportError:
        return False
    return view(shown)


def notebook_path(shell: Any) -> str | None:
    """The path of the notebook, where the front end tells it."""
    # jupyter_server sets the first, VS Code the second.
    return os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")


def tell(text: str) -> None:
    """Says below the cell what a slow step is doing; what happens in the background is nobody's wait."""
    from .lines import HelpText, show

    if threading.current_thread() is threading.main_thread():
        show(HelpText(f"{text} …"))


def warm(session_of: Callable[[], Session]) -> None:
    """Starts the runtime and a worker host while the user still writes; what fails, fails again when it is needed.

    A connection to a server on this machine takes 10 ms and 8 MB, so it is made when it is needed.
    """
    with contextlib.suppress(Exception):
        session = session_of()
        if session.settings is None:
            session.runtime().prepare(session.host_spec())
        else:
            session.client()


def import_viewer() -> None:
    """Imports the live views, so that the first display need not wait for them."""
    with contextlib.suppress(ImportError):
        importlib.import_module("..widgets.viewer", __package__)
