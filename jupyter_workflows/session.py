"""A kernel or a terminal at work: its home, its cells, its connection, and how it starts workflows.

A process has one session. It is a client: nothing that must survive lives in it.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import TLSConfig

from . import schema
from .authoring import Workflow
from .authoring.bundles import LoadedBundle
from .authoring.launch import launcher_in_force, set_launcher
from .connection import Settings, loop_thread
from .connection import connect as open_connection
from .errors import ArgumentsError, JupyterWorkflowsError, PayloadError
from .local.paths import Home
from .local.runtime import Runtime, ensure
from .local.specs import HostSpec
from .local.workshop import HostWorkshop, newest_of
from .notebook.bundle import BundleFiles, write_bundle
from .notebook.catalog import live_workflows, newest
from .notebook.cell_log import CellLog
from .notebook.closure import resolve
from .notebook.instead import check_plain, check_read
from .payloads import data_converter, select_storage
from .payloads.refusal import Unfit
from .payloads.survey import refusal, survey
from .payloads.types import validate
from .runs import client as run_client
from .runs.access import RunAccess
from .runs.client import StartRequest
from .runs.handle import Run
from .runs.listing import Filter, since_of
from .runs.placement import served_queue
from .runs.rewinding import set_rewinder
from .runs.statistics import HISTORIES, RUNS, TARGET
from .security.identity import local_user
from .security.keyrings import encryption
from .worker import load_bundle, task_queue

if TYPE_CHECKING:
    from .durable.run import NotebookRun
    from .replay.gate import Gate
    from .replay.moments import Moment
    from .replay.whatif import WhatIf
    from .runs.comparing.run_comparison import RunComparison
    from .runs.lists import Inbox, RunList
    from .runs.statistics.dashboard import RunDashboard

Progress = Callable[[str], None]
ENDING_SECONDS = 1.0


@dataclass
class Session:
    """What one kernel or terminal holds.

    Args:
        home: Where the embedded runtime, bundles and keys are.
        settings: The Temporal server to use; None means the embedded one.
        namespace: The live names of the notebook.
        directory: The directory whose modules belong to the notebook.
        notebook: The notebook's path, where it is known.
        progress: Told what a slow step is doing.
        durable: The run of the notebook's durable cells, once somebody has asked for it.
    """

    home: Home = field(default_factory=Home.locate)
    settings: Settings | None = field(default_factory=Settings.from_environment)
    namespace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    directory: Path = field(default_factory=Path.cwd)
    notebook: str | None = None
    progress: Progress | None = None
    cells: CellLog = field(default_factory=CellLog)
    durable: NotebookRun | None = None

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._runtime: Runtime | None = None
        self._client: Client | None = None
        self._client_settings: Settings | None = None

    def runtime(self) -> Runtime:
        """The embedded runtime, started where it is not up.

        Raises:
            RuntimeFailed: It can't be started; the message says why and what to do.
        """
        with self._lock:
            self._runtime = ensure(self.home, progress=self.progress)
            return self._runtime

    def client(self) -> Client:
        """The connected client, to the configured server or the embedded one.

        Raises:
            ConnectionFailed: The configured server can't be reached.
            RuntimeFailed: The embedded runtime can't be started.
        """
        with self._lock:
            settings = self.settings or self.embedded_settings()
            if self._client is None or self._client_settings != settings:
                # No worker is made of it: Temporal's worker need not be imported here.
                self._client = loop_thread().run(open_connection(settings, home=self.home, plugins=()))
                self._client_settings = settings
            return self._client

    def converter(self) -> DataConverter:
        """What reads values that came in files: with the home's keys and large values, and without a server.

        Raises:
            EncryptionFailed: Encryption is on, and the keys can't be had.
        """
        from .local.server import NAMESPACE

        namespace = self.settings.namespace if self.settings else NAMESPACE
        codec = encryption(self.home.keys, namespace)
        return data_converter(*select_storage(self.home.blobs, server=""), codec=codec)

    def embedded_settings(self) -> Settings:
        """The settings of the embedded server."""
        runtime = self.runtime()
        return Settings(address=runtime.address, namespace=runtime.namespace)

    def host_spec(self) -> HostSpec:
        """The worker host of this notebook: its interpreter, directory and environment."""
        spec = HostSpec.of_this_process(self.notebook)
        return spec.for_server(self.settings) if self.settings else spec

    def load(self, bundle: BundleFiles) -> None:
        """Lets this notebook's worker host serve a bundle; returns when its worker polls.

        Raises:
            WorkerUnavailable: The bundle can't be imported there, or no host can be started.
        """
        self.runtime().load_bundle(self.host_spec(), bundle.path)

    def bundle(self, workflow: Workflow[Any, Any], instead: Mapping[str, Any] | None = None) -> BundleFiles:
        """Bundles a workflow from the cells as they were last executed.

        Args:
            workflow: The workflow.
            instead: Plain data in the place of constants that it reads, by name.

        Raises:
            ClosureError: It can't run outside the notebook; names every reason.
            ResumeRefused: It reads no constant of such a name, or the value is no plain data.
        """
        check_plain(instead or {})
        closure = resolve(
            [workflow.fn.__qualname__],
            self.cells,
            self.namespace,
            directory=self.directory,
            capture=workflow.start_options.capture,
            instead=instead,
        )
        check_read(workflow.name, closure, instead or {})
        home = self.home if self.home.bundles.is_dir() else self.home.create()
        return write_bundle(closure, home.bundles)

    def code(self, workflow: str) -> LoadedBundle:
        """The code of a workflow, in this process: the cells as they were last executed, else its newest bundle.

        Raises:
            ClosureError: The cells can't run outside the notebook.
            CommandError: Neither the notebook nor a bundle on disk has such a workflow.
        """
        live = live_workflows(self.namespace).get(workflow)
        return load_bundle(self.bundle(live).path if live else newest(self.home.bundles, workflow).path)

    def code_of(self, run: Run[Any], workflow: str, *, cells: bool = False) -> LoadedBundle:
        """The code of a run, in this process: the bundle it runs on where that is here, else as `code` has it.

        Args:
            run: The run.
            workflow: Its workflow's name.
            cells: Take the current cells in any case.
        """
        digest = None if cells else run.describe().bundle
        if digest and run.access.manifest_of(digest):
            return load_bundle(self.home.bundles / f"jw_{digest[:16]}")
        return self.code(workflow)

    def at(self, run: Run[Any], step: str, *, cells: bool = False) -> Moment:
        """The variables of a run's code where it asked for a step; see `Run.at`."""
        from .replay.moments import at
        from .replay.replaying import workflow_of

        history = loop_thread().run(run.fetch_history())
        code = self.code_of(run, workflow_of(history.events), cells=cells)
        return loop_thread().run(at(history, code, step, run.access.client.data_converter))

    def what_if(self, run: Run[Any], step: str, *, cells: bool = False, **instead: Any) -> WhatIf:
        """What a run's code would ask for, had a step ended otherwise; see `Run.what_if`."""
        from .replay.alternatives import Instead
        from .replay.replaying import workflow_of
        from .replay.whatif import what_if

        history = loop_thread().run(run.fetch_history())
        code = self.code_of(run, workflow_of(history.events), cells=cells)
        return loop_thread().run(what_if(history, code, step, Instead(**instead), run.access.client.data_converter))

    def start(self, workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run[Any]:
        """Starts a run of a workflow.

        Raises:
            ArgumentsError: The arguments do not fit the signature.
            ClosureError: The workflow can't run outside the notebook.
            RunAlreadyExists: The wanted id is taken.
        """
        values = self.arguments(workflow, args, kwargs)
        return self.start_bundled(workflow, self.bundle(workflow), values)

    def arguments(self, workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments of a start as they travel; a refusal names the cell and line of the workflow.

        Raises:
            ArgumentsError: One is missing, unknown, of a wrong type or can't travel; names it and what is wanted.
        """
        if workflow.location is None and (known := self.cells.definitions(workflow.fn.__name__)):
            workflow.location = known[0].location
        return checked_arguments(workflow, args, kwargs)

    def start_bundled(self, workflow: Workflow[Any, Any], bundle: BundleFiles, values: list[Any]) -> Run[Any]:
        """Starts a run of a workflow in a bundle.

        Args:
            workflow: The workflow, with the options of this start.
            bundle: The bundle that holds it.
            values: Its checked arguments, in the order of the signature.

        Raises:
            RunAlreadyExists: The wanted id is taken.
            WorkerUnavailable: The bundle can't be loaded, or no worker of the workspace's queue asks for work.
        """
        options = workflow.start_options
        client = self.client()
        spec = self.host_spec()
        queue = options.queue or loop_thread().run(served_queue(RunAccess.of(client, self.home)))
        request = replace(
            self.request(workflow, bundle, values, queue=queue), id=options.id, if_exists=options.if_exists
        )

        def send() -> Run[Any]:
            return run_client.start_run(client, request, home=self.home, result_type=workflow.result_type)

        if queue is not None:
            return send()
        if options.if_exists != "raise" or not self.runtime().has_loaded(spec, bundle.path):
            self.load(bundle)
            return send()
        return self.start_while_loading(bundle, send)

    def request(
        self, workflow: Workflow[Any, Any], bundle: BundleFiles, values: list[Any], *, queue: str | None
    ) -> StartRequest:
        """What starts a workflow of a bundle from here, now or by a schedule.

        Args:
            workflow: The workflow.
            bundle: The bundle that holds it.
            values: Its checked arguments, in the order of the signature.
            queue: The task queue; None for that of the bundle on this notebook's worker host.
        """
        return StartRequest(
            workflow=workflow.name,
            args=values,
            task_queue=queue or task_queue(bundle.digest, self.host_spec().key),
            bundle=bundle.digest[:16],
            timeout=workflow.timeout,
            notebook=self.notebook,
            starter=local_user(),
        )

    def start_while_loading(self, bundle: BundleFiles, send: Callable[[], Run[Any]]) -> Run[Any]:
        """Starts a new run of a bundle that was served before, and makes sure meanwhile that it still is.

        Raises:
            WorkerUnavailable: It can't be any more; the run is ended again.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="jupyter-workflows-start")
        starting = thread.submit(send)
        try:
            self.load(bundle)
        except JupyterWorkflowsError:
            # A server in trouble may take long for both; the reason is known already.
            wait([thread.submit(ended_again, starting)], ENDING_SECONDS)
            raise
        finally:
            thread.shutdown(wait=False)
        return starting.result()

    def corrected(self, run: schema.Run, constants: Mapping[str, Any]) -> Path:
        """The bundle of a run's workflow as its code is now: of the notebook, else the newest one on disk.

        Args:
            run: The run.
            constants: Plain data in the place of constants that the code reads, by name.

        Raises:
            ClosureError: It can't run outside the notebook.
            ResumeRefused: There is no code of it here.
        """
        for value in list(self.namespace.values()):
            workflow = cast("Workflow[Any, Any] | None", value if isinstance(value, Workflow) else None)
            if workflow is not None and workflow.name == run.workflow:
                return self.bundle(workflow, constants).path
        return newest_of(self.home, run, constants)

    def workshop(self) -> HostWorkshop:
        """Where runs are resumed from this kernel or terminal."""
        return HostWorkshop(self.home, self.runtime, own=self.host_spec, corrected=self.corrected, person=local_user())


def ended_again(starting: Future[Run[Any]]) -> None:
    """Ends a run that nobody would serve, where it came to be."""
    with suppress(JupyterWorkflowsError):
        starting.result().terminate("its worker host could not be started")


def checked_arguments(workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments as they travel, in the order of the signature.

    Raises:
        ArgumentsError: One is missing, unknown, of a wrong type or can't travel; names it and what is wanted.
    """
    try:
        values = workflow.positional(args, kwargs)
    except TypeError as error:
        raise ArgumentsError(str(error), code="JW701", location=workflow.location) from None
    checked: list[Any] = []
    for parameter, value in zip(workflow.signature.parameters.values(), values, strict=True):
        hint = workflow.hints.get(parameter.name, parameter.empty)
        what = f"{workflow.name}'s argument {parameter.name}"
        try:
            checked.append(validate(value, hint, what))
            survey(checked[-1])
        except PayloadError as error:
            raise ArgumentsError(str(error), code="JW702", location=workflow.location) from None
        except Unfit:
            raise ArgumentsError(str(refusal(checked[-1], what)), code="JW703", location=workflow.location) from None
    return checked


_session: Session | None = None


def current() -> Session:
    """The session of this process; made on first use."""
    if _session is None:
        # A kernel's launcher knows its cells and names, a terminal's does not.
        make = getattr(launcher_in_force(), "session", Session)
        use(make())
    assert _session is not None
    return _session


def use(session: Session | None) -> None:
    """Makes a session the one of this process, and the one that starts workflows; None ends it."""
    global _session
    _session = session
    set_launcher(session)
    set_rewinder(session)


def connect(
    address: str | None = None,
    *,
    namespace: str = "default",
    api_key: str | None = None,
    tls: bool | TLSConfig | None = None,
) -> None:
    """Chooses the Temporal server for everything that follows in this kernel.

    Args:
        address: `host:port` of the frontend; None goes back to the environment's settings, else to the
            embedded server.
        namespace: The namespace.
        api_key: An API key, for Temporal Cloud.
        tls: Whether to use TLS, or with which certificates; by default an API key switches it on.

    Raises:
        ConnectionFailed: It can't be reached.
    """
    session = current()
    session.settings = (
        Settings(address=address, namespace=namespace, api_key=api_key, tls=tls)
        if address
        else Settings.from_environment()
    )
    session.client()


def get_run(id: str, *, run_id: str | None = None) -> Run[Any]:
    """The run with this workflow id, open or closed.

    Args:
        id: The workflow id, as `run.id` shows it.
        run_id: One of several executions under this id; by default the newest.

    Raises:
        RunNotFound: There is none.
    """
    session = current()
    return run_client.get_run(session.client(), id, run_id=run_id, home=session.home)


def runs(
    workflow: str | Workflow[Any, Any] | None = None,
    *,
    status: schema.RunStatus | Sequence[schema.RunStatus] | None = None,
    since: timedelta | datetime | None = None,
    notebook: str | None = None,
    limit: int = 100,
) -> RunList:
    """The runs, newest first.

    Args:
        workflow: Only runs of this workflow.
        status: Only runs in this status or these.
        since: Only runs started after this time, or within this time.
        notebook: Only runs started from this notebook.
        limit: At most this many.
    """
    session = current()
    name = workflow.name if isinstance(workflow, Workflow) else workflow
    return run_client.list_runs(
        session.client(), workflow=name, status=status, since=since, notebook=notebook, limit=limit, home=session.home
    )


def inbox(assignee: str | None = None, *, limit: int = 100) -> Inbox:
    """The approvals that wait, oldest first.

    Args:
        assignee: Only those this person may decide.
        limit: At most this many.
    """
    session = current()
    return run_client.inbox(session.client(), assignee=assignee, limit=limit, home=session.home)


def dashboard(
    workflow: str | Workflow[Any, Any] | None = None,
    *,
    status: schema.RunStatus | Sequence[schema.RunStatus] | None = None,
    since: timedelta | datetime | None = timedelta(days=7),
    notebook: str | None = None,
    target: float = TARGET,
    limit: int = RUNS,
    histories: int = HISTORIES,
) -> RunDashboard:
    """How runs do: what failed and why, did it recover, what was slow, who waits for whom.

    Counts, durations and approvals come from the server's lists of runs. Steps, causes and the recovery rate come
    from the histories of closed runs: of all where there are at most `histories`, else of a draw, and the figures
    are then estimates that say so. A history is read once and remembered.

    Args:
        workflow: Only runs of this workflow.
        status: Only runs in this status or these.
        since: Only runs started after this time, or within this time; None for all.
        notebook: Only runs started from this notebook.
        target: The recovery rate that is aimed at, 0 to 1.
        limit: At most this many runs are listed, the newest; beyond, they are counted only.
        histories: The histories of about this many closed runs are looked at.

    Raises:
        JupyterWorkflowsError: A filter or number makes no sense.
        ConnectionFailed: The server can't be reached.
    """
    from .runs.statistics.collecting import Question
    from .runs.statistics.dashboard import dashboard as look_at

    session = current()
    name = workflow.name if isinstance(workflow, Workflow) else workflow
    states = status if status is None or isinstance(status, str) else tuple(status)
    wanted = Filter(workflow=name, status=states, since=since_of(since), notebook=notebook)
    question = Question(wanted=wanted, target=target, limit=limit, histories=histories)
    return look_at(RunAccess.of(session.client(), session.home), question)


def replay(source: str | os.PathLike[str] | Run[Any]) -> Gate:
    """Runs the current cells over what runs did, and tells whether both agree; true where they do.

    No step runs and no run is touched. The cells count as they were last executed; where the notebook has no such
    workflow, its newest bundle on disk does.

    Args:
        source: A run or its id; a file with a history, from here or from production; or a folder of such files.

    Raises:
        ReplayFailed: There is no such file, or no history in it.
        RunNotFound: There is no such run.
    """
    from .replay.files import SUFFIXES
    from .replay.gate import histories_of, replay_all

    session = current()
    if not isinstance(source, Run) and is_path(source, SUFFIXES):
        files = histories_of(Path(source).expanduser())
        return loop_thread().run(replay_all(files, functools.cache(session.code), session.converter()))
    run = source if isinstance(source, Run) else get_run(str(source))
    history = loop_thread().run(run.fetch_history())
    converter = run.access.client.data_converter
    return loop_thread().run(replay_all([(run.id, lambda: history)], session.code, converter))


def compare(run_a: str | Run[Any], run_b: str | Run[Any]) -> RunComparison:
    """Two runs side by side: steps, outputs with what they differ in, tokens, cost, time, outcome.

    Steps correspond to each other by name and order, and where one run has more of them by input. What an earlier run
    had done for a fork or a resumed run is not counted as its own. The answer is true where both came to the same.

    Args:
        run_a: A run or its id.
        run_b: Another one.

    Raises:
        RunNotFound: There is no such run.
        JupyterWorkflowsError: It is the same one twice.
    """
    from .runs.comparing.run_comparison import compare_runs

    a, b = (given if isinstance(given, Run) else get_run(given) for given in (run_a, run_b))
    return compare_runs(a, b)


def is_path(source: str | os.PathLike[str], suffixes: tuple[str, ...]) -> bool:
    """Whether what was given is a file or folder, and no run's id."""
    return not isinstance(source, str) or source.endswith(suffixes) or Path(source).expanduser().exists()
