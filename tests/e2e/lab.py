"""A real JupyterLab of its own in a real browser, and notebooks worked in it as a person works."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import nbformat
import pytest

from ..kernels import kernel_environment

START_SECONDS = 120
# The first page of a fresh JupyterLab takes 3 s on a quiet machine.
LOAD_SECONDS = 180
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
ROOT = Path(__file__).parents[2]
EXTENSION = "jupyter-workflows"
# The module to run, and its application's name.
JUPYTERLAB = ("jupyterlab", "LabApp")
NOTEBOOK_7 = ("notebook", "JupyterNotebookApp")
IDLE_KERNEL = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle' && panel.context.isReady;
}"""


def chromium() -> str | None:
    """The browser of this machine; `JUPYTER_WORKFLOWS_CHROMIUM` names another."""
    named = os.environ.get("JUPYTER_WORKFLOWS_CHROMIUM")
    return next((path for path in ([named] if named else CHROMIUM) if Path(path).is_file()), None)


def missing(remedy: str) -> NoReturn:
    """Skips a test that this machine can't run; in CI it fails."""
    if os.environ.get("CI"):
        pytest.fail(remedy)
    pytest.skip(remedy)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def write_settings(folder: Path) -> None:
    """Silences what would cover the page."""
    target = folder / "@jupyterlab" / "apputils-extension"
    target.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (target / "notification.jupyterlab-settings").write_text(json.dumps(quiet))


def leave_out(configuration: Path, extension: str) -> None:
    """Switches an extension of the page off."""
    target = configuration / "labconfig"
    target.mkdir(parents=True, exist_ok=True)
    (target / "page_config.json").write_text(json.dumps({"disabledExtensions": {extension: True}}))


def offer_tree(folder: Path) -> Path:
    """A Jupyter data folder with the extension as it is built in this tree, whatever is installed."""
    link = folder / "labextensions" / EXTENSION
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "jupyter_workflows" / "labextension")
    return folder


@contextlib.contextmanager
def jupyter_lab(
    home: Path,
    folder: Path,
    *,
    with_extension: bool = True,
    app: tuple[str, str] = JUPYTERLAB,
    base_url: str = "/",
    options: Sequence[str] = (),
) -> Iterator[str]:
    """A server for the notebooks in `folder`, with our extension in its pages or without; gives its address."""
    module, application = app
    settings = folder / ".jupyter" / "settings"
    write_settings(settings)
    if not with_extension:
        leave_out(folder / ".jupyter" / "config", EXTENSION)
    port = free_port()
    command = [
        *(sys.executable, "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", "--ServerApp.allow_root=True", "--IdentityProvider.token=test"),
        *(f"--ServerApp.root_dir={folder}", f"--{application}.expose_app_in_browser=True"),
        *(f"--ServerApp.base_url={base_url}", *options),
    ]
    environment = kernel_environment(home, folder) | {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTER_PATH": str(offer_tree(folder / ".jupyter" / "tree")),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / ".jupyter" / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            address = f"http://127.0.0.1:{port}{base_url.rstrip('/')}"
            wait_until_up(address, server)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(5)


def wait_until_up(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "jupyter lab ended at once"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=2):
            return
        time.sleep(0.1)
    raise AssertionError(f"jupyter lab did not answer within {START_SECONDS} s")


class Notebook:
    """A notebook open in JupyterLab."""

    place = "lab/tree"

    def __init__(self, page: Any, address: str, path: Path) -> None:
        self.page = page
        self.address = address
        self.path = path
        self.open()

    def open(self, *, idle: bool = True) -> None:
        """Loads the page anew; waits until the kernel is idle, or just until the cells are there."""
        self.page.goto(f"{self.address}/{self.place}/{self.path.name}?reset&token=test")
        if idle:
            self.page.wait_for_function(IDLE_KERNEL, timeout=LOAD_SECONDS * 1000)
        else:
            self.page.locator(".jp-Cell").first.wait_for(timeout=LOAD_SECONDS * 1000)

    def restart_kernel(self) -> None:
        """Restarts the kernel, without JupyterLab's question."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.page.wait_for_function(IDLE_KERNEL, timeout=LOAD_SECONDS * 1000)

    def shut_down(self) -> None:
        """Ends the kernel, whichever page shows it."""
        sessions = "() => window.jupyterapp?.serviceManager.sessions.shutdownAll()"
        self.page.evaluate(sessions)

    def run(self, index: int, *, wait: bool = True, seconds: float = 90) -> None:
        """Runs a cell; waits until it is done."""
        self.page.evaluate(
            """async index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                notebook.deselectAll();
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )
        pattern = r"/\[\d+\]/" if wait else r"/\[(\d+|\*)\]/"
        self.page.wait_for_function(
            f"index => {pattern}.test(document.querySelector(`.jp-Cell[data-windowed-list-index='${{index}}']"
            " .jp-InputPrompt`)?.textContent ?? '')",
            arg=index,
            timeout=seconds * 1000,
        )

    def nudge(self, every_seconds: float = 5) -> None:
        """Sends the kernel a message now and then, as long as the page is open.

        ipykernel 7.0 to 7.3 may leave a message unread until the next one comes (ipykernel's issue 1554).
        """
        ask = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo()"
        self.page.evaluate(f"seconds => {{ setInterval({ask}, seconds * 1000); }}", every_seconds)

    def cell(self, index: int) -> Any:
        """A cell."""
        return self.page.locator(f".jp-Cell[data-windowed-list-index='{index}']")

    def view(self, index: int) -> Any:
        """The live view below a cell."""
        return self.cell(index).locator(".jwl").first

    def is_busy(self, index: int) -> bool:
        return self.cell(index).locator(".jp-InputPrompt").first.text_content().strip() == "[*]:"

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


class PlainNotebook(Notebook):
    """A notebook open in Notebook 7."""

    place = "notebooks"


def write_notebook(path: Path, cells: Sequence[str], kernel: str = "python3") -> Path:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    made.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    nbformat.write(made, path)
    return path


def execute(page: Any, command: str, **arguments: Any) -> None:
    """Runs a command of JupyterLab."""
    page.evaluate("([command, args]) => { window.jupyterapp.commands.execute(command, args); }", [command, arguments])
