"""The extension as a whole: what is put into a shell, and taken out again."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from IPython.core.magic import no_var_expand

from ..commands.parser import build_parser
from ..session import Session, use
from . import cells
from .completion import Matcher
from .lines import PROGRAM, WorkflowLine
from .options import PARSERS, help_text
from .recording import Recorder
from .step_cells import StepCells
from .tracebacks import DEBUG_VARIABLE, ErrorDisplay

WARM_VARIABLE = "JUPYTER_WORKFLOWS_WARM"


class Extension:
    """Everything the package puts into one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.session = Session(namespace=shell.user_ns, directory=Path.cwd(), notebook=notebook_path(shell))
        self.recorder = Recorder(shell, self.session.cells)
        self.errors = ErrorDisplay(shell)
        self.weave = cells.Weave()
        self.matcher = Matcher(self.session).matcher
        self.step_cells = StepCells(shell, self.session, self.recorder)
        self.line = WorkflowLine(shell, self.session)

    def load(self) -> None:
        """Puts everything in, and starts warming the runtime."""
        shell = self.shell
        use(self.session)
        self.recorder.note_history()
        shell.events.register("pre_run_cell", self.recorder.before)
        shell.events.register("post_run_cell", self.recorder.after)
        shell.input_transformers_cleanup.append(cells.mark)
        shell.ast_transformers.append(self.weave)
        cells.handle("begin", self.step_cells.begin)
        cells.handle("finish", self.step_cells.finish)
        self.register_magics()
        if getattr(shell, "Completer", None) is not None:
            shell.Completer.custom_matchers.append(self.matcher)
        if not os.environ.get(DEBUG_VARIABLE):
            self.errors.install()
        if os.environ.get(WARM_VARIABLE, "1") != "0":
            threading.Thread(target=warm, args=(self.session,), name="jupyter-workflows-warm", daemon=True).start()

    def register_magics(self) -> None:
        """Registers the magics; `%workflow?` and `%%workflow?` show their help."""

        @no_var_expand
        def line(text: str) -> Any:
            return self.line.run(text)

        line.__doc__ = help_text(build_parser(PROGRAM))
        self.shell.register_magic_function(line, "line", "workflow")
        for magic, parser in PARSERS.items():
            self.shell.register_magic_function(self.cell_magic(magic, help_text(parser())), "cell", magic)

    def cell_magic(self, magic: str, documentation: str) -> Any:
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
        with contextlib.suppress(ValueError):
            shell.events.unregister("pre_run_cell", self.recorder.before)
            shell.events.unregister("post_run_cell", self.recorder.after)
            shell.input_transformers_cleanup.remove(cells.mark)
            shell.ast_transformers.remove(self.weave)
            shell.Completer.custom_matchers.remove(self.matcher)
        shell.magics_manager.magics["line"].pop("workflow", None)
        for magic in PARSERS:
            shell.magics_manager.magics["cell"].pop(magic, None)
        use(None)


def notebook_path(shell: Any) -> str | None:
    """The path of the notebook, where the front end tells it."""
    # jupyter_server sets the first, VS Code the second.
    return os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")


def warm(session: Session) -> None:
    """Starts the runtime and a worker host while the user still writes; what fails, fails again when it is needed."""
    with contextlib.suppress(Exception):
        if session.settings is None:
            session.runtime().prepare(session.host_spec())
        session.client()
