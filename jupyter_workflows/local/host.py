"""A worker host: one process that runs the workflows and steps of a notebook's bundles.

`python -m jupyter_workflows.local.host FD` is started by the supervisor and commanded over the socket `FD`. Until it is
told whose host it is (`adopt`), it is a spare with everything imported. It never outlives the supervisor.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from ..authoring.bundles import LoadedBundle, keep_decisions
from ..authoring.durable_cells import WORKFLOW as DURABLE_CELLS
from ..connection import Settings, connect
from ..errors import ApprovalRefused, JupyterWorkflowsError
from ..plugin.ancestry import foresee
from ..plugin.begun import begun
from ..schema.resumes import ResumeMark
from ..security.identity import TrustedKeys
from ..security.keyrings import ring_reader
from ..telemetry import flush
from ..tokens import exchange
from ..tokens.broker import Broker
from ..worker import bundle_worker, deployment_of, load_bundle, task_queue
from .children import log_standard_streams
from .handback import Predecessors, hand_back, hand_back_undelivered, query
from .paths import Home, make_private_directory
from .protocol import MESSAGE_BYTES, Message, encode, peer
from .specs import HostSpec, Serving

CONNECT_SECONDS = 5.0
PLAIN_LOGS_VARIABLE = "JUPYTER_WORKFLOWS_PLAIN_LOGS"
STOP_SECONDS = 1.0
KEYS_SECONDS = 2.0
SECOND_LOOKS_SECONDS = (1.0, 4.0)
"""Tasks that were on their way to the dead worker are noticed late."""
KEPT_BUNDLES = 16
KEPT_SECONDS = 600.0
RESTART_SECONDS = 1.0


@dataclass
class Served:
    """A bundle this host polls for, on its own queue or on that of runs that were resumed on it."""

    queue: str
    worker: Worker
    run: asyncio.Task[None]
    used: float = field(default_factory=time.monotonic)


class WorkerHost:
    """The state of this process.

    Args:
        writer: Where messages to the supervisor go.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._served: dict[Serving, Served] = {}
        self._loading: dict[Serving, asyncio.Task[None]] = {}
        self._one_load = asyncio.Lock()
        self._client: asyncio.Task[Client] | None = None
        self._connected_to: tuple[object, ...] = ()
        self._background: set[asyncio.Task[None]] = set()
        self._key = ""
        self._is_embedded = True
        self._trusted: TrustedKeys | None = None
        self._predecessors = Predecessors("")
        self._taken_over: set[str] = set()
        self._leases = 1
        self._idle_seconds = 30.0
        self._idle_watch: asyncio.Task[None] | None = None
        self._broker: Broker | None = None

    async def obey(self, reader: asyncio.StreamReader) -> None:
        """Carry out commands until the supervisor has gone."""
        commands: dict[str, Callable[[Message], Awaitable[Message | None]]] = {
            "connect": self._on_connect,
            "adopt": self._on_adopt,
            "apply": self._on_apply,
            "load": self._on_load,
            "replay": self._on_replay,
            "foresee": self._on_foresee,
            "keep": self._on_keep,
            "leases": self._on_leases,
            "report": self._on_report,
            "server_back": self._on_server_back,
            "stop": self._on_stop,
        }
        while line := await reader.readline():
            message: Message = json.loads(line)
            command = commands[message["op"]]
            if message["op"] in ("adopt", "apply", "connect", "leases"):
                await command(message)
            else:
                self._in_background(self._answer(command, message))

    async def _answer(self, command: Callable[[Message], Awaitable[Message | None]], message: Message) -> None:
        try:
            answer = await command(message) or {}
        except JupyterWorkflowsError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        if "id" in message:
            self._send({**answer, "id": message["id"]})

    # Commands --------------------------------------------------------------------------------------------------------

    async def _on_connect(self, message: Message) -> None:
        """Connect ahead of being needed."""
        self._connect(Settings(message["address"], message["namespace"]), Home(*map(Path, message["home"])))

    async def _on_adopt(self, message: Message) -> None:
        home = Home(*map(Path, message["home"]))
        self._trusted = TrustedKeys(home.keys)
        self._in_background(self._renew_keys(self._trusted))
        self._predecessors = Predecessors(message["identity"], frozenset(message["dead"]))
        self._idle_seconds = float(message["idle_seconds"])
        if str(home.bundles) not in sys.path:
            sys.path.append(str(home.bundles))
        spec = HostSpec.from_message(message["spec"])
        self._key = spec.key
        self._is_embedded = spec.settings() is None
        apply(spec)
        _redirect_output(Path(message["log"]) if log_is_allowed(home) else Path(os.devnull))
        self._connect(spec.settings() or Settings(message["address"], message["namespace"]), home)
        await self._serve_tokens(home)
        servings = [Serving.from_message(serving) for serving in message["servings"]]
        if servings:
            self._taken_over.update(self._queue(serving) for serving in servings)
            self._in_background(self._take_over(list(self._taken_over)))
        for serving in servings:
            self._in_background(self._load_unasked(serving))
        self._in_background(self._tell_ready())
        await self._on_leases({"count": message["leases"]})

    async def _on_apply(self, message: Message) -> None:
        apply(HostSpec.from_message(message["spec"]))

    async def _on_load(self, message: Message) -> None:
        await self._load(Serving.from_message(message["serving"]))

    async def _on_replay(self, message: Message) -> Message:
        """Tell how far a bundle agrees with the history of a run: its code runs here and nowhere else."""
        from ..replay import replay

        assert self._client is not None
        client = await self._client
        run = client.get_workflow_handle(message["workflow_id"], run_id=message["run_id"])
        loaded, history = await asyncio.gather(self._loaded(Path(message["bundle"])), run.fetch_history())
        replayed = await replay(history, loaded, client.data_converter)
        return {"replayed": replayed.model_dump(mode="json")}

    async def _on_foresee(self, message: Message) -> None:
        """Begin to read an execution that has ended, because another is about to be told of its steps."""
        assert self._client is not None
        mark = ResumeMark.model_validate(message["mark"])
        foresee(await self._client, message["workflow_id"], message["run_id"], mark)

    async def _on_keep(self, message: Message) -> None:
        """Take decisions of a run that is about to be resumed once more, where the same is asked again."""
        keep_decisions(message["workflow_id"], message["decisions"])

    async def _on_leases(self, message: Message) -> None:
        self._leases = int(message["count"])
        if self._idle_watch:
            self._idle_watch.cancel()
            self._idle_watch = None
        if not self._leases:
            self._idle_watch = asyncio.create_task(self._leave_when_idle())

    async def _on_report(self, _: Message) -> Message:
        return {"open_runs": await self._open_runs(self._queues()), "bundles": len(self._served)}

    async def _on_server_back(self, message: Message) -> None:
        if not self._is_embedded:
            return
        before = datetime.fromtimestamp(message["since"], UTC)
        self._in_background(
            self._give_back(
                lambda client: hand_back_undelivered(
                    client,
                    [served.queue for served in self._served.values()],
                    self._predecessors.identity,
                    begun.has,
                    before,
                ),
                "tasks that the server lost when it died",
            )
        )

    async def _on_stop(self, _: Message) -> None:
        workers = [served.worker.shutdown() for served in self._served.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*workers, return_exceptions=True)
        self.hang_up()
        await asyncio.to_thread(flush)
        leave(0)

    # Tokens ----------------------------------------------------------------------------------------------------------

    async def _serve_tokens(self, home: Home) -> None:
        """Let the viewers of this machine read what steps write; without it they have the heartbeats."""
        self._broker = Broker(exchange, home.tokens, lambda viewer: peer(viewer)[1] == os.geteuid())
        try:
            make_private_directory(home.tokens)
            await self._broker.start()
        except (OSError, JupyterWorkflowsError) as error:
            sys.stderr.write(f"tokens can't be served: {error}\n")

    def hang_up(self) -> None:
        """Leave no socket behind."""
        if self._broker is not None:
            self._broker.close()

    # Bundles ---------------------------------------------------------------------------------------------------------

    def _queue(self, serving: Serving) -> str:
        """The queue to poll; by default that of a bundle directory, `jw_<digest16>`, on this host."""
        return serving.queue or task_queue(Path(serving.bundle).name.removeprefix("jw_"), self._key)

    def _queues(self) -> list[str]:
        """All queues that this host polls, or is about to."""
        return sorted({self._queue(serving) for serving in (*self._served, *self._loading)})

    async def _load(self, serving: Serving) -> None:
        """Poll for the runs of a bundle; at once when that is done already."""
        if serving in self._served:
            self._served[serving].used = time.monotonic()
            return
        if serving not in self._loading:
            self._loading[serving] = asyncio.create_task(self._serve(serving))
            self._loading[serving].add_done_callback(lambda _: self._loading.pop(serving, None))
        await asyncio.shield(self._loading[serving])

    async def _loaded(self, bundle: Path) -> LoadedBundle:
        """A bundle, imported."""
        assert self._trusted is not None
        _make_private_caches(bundle)
        # In a thread: what a notebook imports may take seconds, and the other bundles' runs go on.
        return await asyncio.to_thread(load_bundle, bundle, self._trusted)

    async def _renew_keys(self, trusted: TrustedKeys) -> None:
        """Reads the trusted keys again when they change: one that was added counts, a retired one does not."""
        seen = None
        while True:
            await asyncio.sleep(KEYS_SECONDS)
            if (now := trusted.changed_at()) == seen:
                continue
            try:
                await asyncio.to_thread(trusted.load)
                seen = now
            except ApprovalRefused as error:
                sys.stderr.write(f"{error}\n")

    async def _serve(self, serving: Serving) -> None:
        assert self._client is not None
        assert self._trusted is not None
        async with self._one_load:
            loaded, client, _ = await asyncio.gather(
                self._loaded(Path(serving.bundle)), self._client, asyncio.to_thread(self._trusted.load)
            )
            queue = self._queue(serving)
            worker = bundle_worker(
                client,
                loaded,
                queue=queue,
                identity=self._predecessors.identity,
                resumes_as=deployment_of(queue) if serving.queue else "",
            )
        if queue not in self._taken_over:
            # A kernel may ask for a bundle before the supervisor has found out that it has open runs.
            self._taken_over.add(queue)
            self._in_background(self._take_over([queue]))
        run = asyncio.create_task(worker.run())
        self._served[serving] = Served(queue, worker, run)
        run.add_done_callback(lambda run: self._on_worker_end(serving, run))

    def _on_worker_end(self, serving: Serving, run: asyncio.Task[None]) -> None:
        served = self._served.get(serving)
        if served is None or served.run is not run:
            return
        del self._served[serving]
        if not run.cancelled() and (error := run.exception()):
            traceback.print_exception(error)
            self._in_background(self._load_unasked(serving, after_seconds=RESTART_SECONDS))

    async def _load_unasked(self, serving: Serving, *, after_seconds: float = 0.0) -> None:
        await asyncio.sleep(after_seconds)
        try:
            await self._load(serving)
        except Exception:  # noqa: BLE001 - nobody waits for it but its own open runs; the other bundles go on
            traceback.print_exc()

    async def _take_over(self, queues: list[str]) -> None:
        before = datetime.now(UTC)
        await self._give_back(
            lambda client: hand_back(client, queues, self._predecessors, before=before),
            "tasks of a worker that died",
        )

    async def _give_back(self, tasks: Callable[[Client], Awaitable[int]], what: str) -> None:
        """Give tasks back to the server, and look again for those that were still on their way."""
        assert self._client is not None
        client = await self._client
        for seconds in (0.0, *SECOND_LOOKS_SECONDS):
            await asyncio.sleep(seconds)
            try:
                returned = await tasks(client)
            except RPCError as error:
                sys.stderr.write(f"open runs could not be looked at: {error}\n")
                continue
            if returned:
                sys.stderr.write(f"gave back {returned} {what}\n")

    # Idle ------------------------------------------------------------------------------------------------------------

    async def _leave_when_idle(self) -> None:
        """Tell the supervisor when no run has needed this host for a while."""
        quiet_since = time.monotonic()
        while True:
            await asyncio.sleep(min(5.0, self._idle_seconds / 4))
            open_now = await self._open_runs(self._queues())
            if open_now or open_now is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= self._idle_seconds:
                self._send({"notice": "idle"})

    async def _open_runs(self, queues: list[str]) -> int | None:
        """How many runs are open on some queues; None while the server can't tell."""
        if not queues:
            return 0
        if self._client is None or not self._client.done():
            return None
        try:
            # A notebook's durable cells need a worker only while there is a kernel, which has a lease.
            wanted = f"{query(queues)} AND WorkflowType != '{DURABLE_CELLS}'"
            return (await self._client.result().count_workflows(wanted)).count
        except RPCError:
            return None

    async def retire_unused(self) -> None:
        """Stop polling for bundles that nobody started anything on for long, when there are many."""
        while True:
            await asyncio.sleep(60)
            for serving, served in sorted(self._served.items(), key=lambda item: item[1].used)[:-KEPT_BUNDLES]:
                unused = time.monotonic() - served.used > KEPT_SECONDS
                if unused and await self._open_runs([served.queue]) == 0:
                    del self._served[serving]
                    await served.worker.shutdown()

    # Connection ------------------------------------------------------------------------------------------------------

    def _connect(self, settings: Settings, home: Home) -> None:
        # Where large values go depends on the environment that `adopt` brings.
        wanted = (settings, home, os.environ.get("JUPYTER_WORKFLOWS_STORAGE"))
        if wanted != self._connected_to:
            if self._client:
                self._client.cancel()
            self._connected_to = wanted
            self._client = asyncio.create_task(_connect_until_it_works(settings, home))

    async def _tell_ready(self) -> None:
        if self._client:
            await self._client
            self._send({"notice": "ready"})

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _send(self, message: Message) -> None:
        self._writer.write(encode(message))


def apply(spec: HostSpec) -> None:
    """Become what the notebook's kernel is: environment, directory, `sys.path`, umask."""
    os.environ.clear()
    os.environ.update(spec.env)
    time.tzset()
    for entry in spec.sys_path:
        if entry and entry not in sys.path:
            sys.path.append(entry)
    with suppress(OSError):
        os.chdir(spec.cwd)
    os.umask(spec.umask)


def leave(code: int) -> None:
    """End the process now: threads of steps that still run must not keep it."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


async def _connect_until_it_works(settings: Settings, home: Home) -> Client:
    while True:
        with suppress(OSError):
            # The server may be starting just now. Asking for the port costs less than a failed connection of the SDK.
            _, writer = await asyncio.open_connection(settings.host, settings.port)
            writer.close()
            with suppress(JupyterWorkflowsError, RPCError, RuntimeError):
                return await connect(settings, home=home, timeout=timedelta(seconds=CONNECT_SECONDS))
        await asyncio.sleep(0.01)


def _make_private_caches(bundle: Path) -> None:
    """Python makes `__pycache__` with the umask of the steps; made before, it stays the user's alone."""
    for directory in (bundle, *(path for path in bundle.rglob("*") if path.is_dir() and path.name != "__pycache__")):
        with suppress(OSError):
            (directory / "__pycache__").mkdir(mode=0o700, exist_ok=True)


def log_is_allowed(home: Home) -> bool:
    """Whether what steps print may go to the disk: not where values are encrypted, unless the user wants it."""
    return os.environ.get(PLAIN_LOGS_VARIABLE) == "1" or ring_reader(home.keys, "") is None


def _redirect_output(log: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        os.close(descriptor)


async def serve(control: int) -> None:
    """Be a worker host, commanded over the socket `control`."""
    connection = socket.socket(fileno=control)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MESSAGE_BYTES)
    host = WorkerHost(writer)
    retire = asyncio.create_task(host.retire_unused())
    try:
        await host.obey(reader)
    except Exception:  # noqa: BLE001 - told, and nothing left to do
        traceback.print_exc()
    finally:
        retire.cancel()
        host.hang_up()
        # The supervisor has gone, and with it the server.
        leave(1)


def main(arguments: list[str]) -> int:
    """Run as `boot.py host FD`."""
    log_standard_streams()
    asyncio.run(serve(int(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
