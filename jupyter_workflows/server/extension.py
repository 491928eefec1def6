"""Where the Jupyter server finds us: configuration, routes and events are wired together here."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join
from traitlets import Bool, Float, Unicode
from traitlets.config import LoggingConfigurable

from ..connection import Settings, loop_thread
from ..local.paths import Home
from ..local.runtime import Runtime
from ..local.specs import HostSpec
from ..local.workshop import HostWorkshop, newest_of
from ..runs.resuming.workshop import set_workshop
from ..security.identity import local_user
from ..security.workspaces import WorkspacesFile
from .audit import register_schemas
from .hub import Hub
from .routes import ROUTES

PREFIX = "jupyter-workflows"

__all__ = [
    "WorkflowsServer",
    "_jupyter_server_extension_points",
    "_link_jupyter_server_extension",
    "_load_jupyter_server_extension",
]


class WorkflowsServer(LoggingConfigurable):
    """The Jupyter server's side of jupyter-workflows; `c.WorkflowsServer.<name> = <value>` in its configuration."""

    home = Unicode(
        "",
        help="Directory of the embedded runtime, its bundles and keys. By default what JUPYTER_WORKFLOWS_HOME names, "
        "else `workflows` in the Jupyter data directory; kernels have to agree.",
    ).tag(config=True)
    allow_start = Bool(
        True,
        help="Whether the embedded runtime is started when a page first needs it. Without, `jupyter workflows up` or "
        "a kernel has to start it. It is never started when the Jupyter server starts.",
    ).tag(config=True)
    list_seconds = Float(
        1.5, min=0.1, help="Seconds between two looks at the inbox and the lists of runs, while somebody looks at them."
    ).tag(config=True)
    status_seconds = Float(
        2.0, min=0.1, help="Seconds between two looks at the worker hosts, while somebody looks at them."
    ).tag(config=True)

    workspaces_file = Unicode(
        "",
        help="File that gives people their roles, see docs/reference/roles.md. By default what "
        "JUPYTER_WORKFLOWS_WORKSPACES names, else `workspaces.toml` in the home; where that is not there, everybody "
        "who signed in may do everything.",
    ).tag(config=True)

    @cached_property
    def place(self) -> Home:
        """The home."""
        return Home.locate(Path(self.home).expanduser()) if self.home else Home.locate()

    @cached_property
    def workspaces(self) -> WorkspacesFile:
        """Who has which role."""
        return WorkspacesFile.of_home(self.place.data, self.workspaces_file)

    @cached_property
    def hub(self) -> Hub:
        """All that pages look at; made on the loop thread when the first page or request comes."""
        set_workshop(workshop_of(self.place))
        hub = Hub(
            self.place,
            may_start=self.allow_start,
            list_seconds=self.list_seconds,
            status_seconds=self.status_seconds,
            workspaces=self.workspaces,
        )
        # Another contents manager than that of files has none.
        root = getattr(getattr(self.parent, "contents_manager", None), "root_dir", None)
        hub.root = Path(root) if isinstance(root, str) and root else None
        return hub


def workshop_of(home: Home) -> HostWorkshop:
    """Where runs are resumed from a page: on the newest bundle, in the worker host of their notebook."""

    def own() -> HostSpec:
        spec = HostSpec.of_this_process()._replace(cwd=str(home.data))
        settings = Settings.from_environment()
        return spec.for_server(settings) if settings else spec

    return HostWorkshop(
        home,
        lambda: Runtime(home),
        own=own,
        corrected=lambda run, constants: newest_of(home, run, constants),
        person=local_user(),
        keep=True,
    )


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "jupyter_workflows.server.extension"}]


def _link_jupyter_server_extension(serverapp: Any) -> None:
    # `jupyter server --help-all` lists our options.
    serverapp.classes = [*serverapp.classes, WorkflowsServer]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    service = WorkflowsServer(parent=serverapp)
    web_app = serverapp.web_app
    web_app.settings["jupyter_workflows"] = service
    register_schemas(serverapp.event_logger)
    base = web_app.settings["base_url"]
    handlers = [(url_path_join(base, PREFIX, route.path), route.handler) for route in ROUTES]
    web_app.add_handlers(".*$", handlers)
    loop_thread()
    serverapp.log.info("jupyter-workflows: live views at %s", url_path_join(base, PREFIX))
