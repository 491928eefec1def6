"""`%%durable`: a cell's values are restored where its code and inputs are as recorded; else it runs."""

from __future__ import annotations
import __future__

import time
import traceback
import types
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError

from ..durable import values
from ..durable.history import Recorded
from ..durable.inputs import ABSENT, BY_TYPE, Digests, Inputs, difference
from ..durable.packing import Unstorable, is_code, is_for_show
from ..durable.refusals import refuse_foreseen, unstorable
from ..durable.run import run_of
from ..durable.showing import Showing, show_again
from ..errors import PayloadError
from ..notebook.bindings import NOTEBOOK_ONLY
from ..notebook.cell_names import CellNames, digest_of, names_of
from ..payloads.values import ValueConverter
from ..schema import CellLocation
from ..schema.durable import CellRecord, CellRun, StoredValue
from ..security.secrets import redacted
from ..session import Session
from .lines import show
from .note import Note
from .options import parse_line
from .recording import Noted, Recorder

SHOWN_FRAMES = 20


@dataclass
class Begun:
    """A durable cell that runs, or has run.

    Attributes:
        before: Digests of its inputs, before it ran.
        held: The objects that names held before, to see which were bound anew.
    """

    cell: str
    title: str
    code: str
    names: CellNames
    options: Namespace
    before: dict[str, str]
    noted: Noted
    step: str = ""
    held: dict[str, Any] = field(default_factory=dict[str, Any])
    showing: Showing | None = None
    began_seconds: float = 0.0
    seconds: float = 0.0
    bound: dict[str, Any] = field(default_factory=dict[str, Any])
    deleted: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])


class DurableCells:
    """The durable cells of a shell.

    Args:
        shell: The IPython shell.
        session: The kernel's session.
        recorder: Which cell executes now.
    """

    def __init__(self, shell: Any, session: Session, recorder: Recorder) -> None:
        self.shell = shell
        self.session = session
        self.recorder = recorder
        self.run = run_of(session)
        self.digests = Digests()
        self.begun: Begun | None = None
        self.unrecorded: dict[str, Begun] = {}
        self.seen: Counter[str] = Counter()
        self.is_known = False
        self.left_out: dict[str, str] = {}

    # Before the cell -------------------------------------------------------------------------------------------------

    def begin(self, line: str, filename: str) -> bool:
        """Before the body: whether it is to run. Where it is not, its values are restored.

        Args:
            line: The magic's line.
            filename: What tracebacks call the cell.

        Raises:
            CommandError: The options make no sense.
            DurableCellError: The cell can't begin.
        """
        options = parse_line("durable", line)
        noted = self.recorder.current
        assert noted is not None
        begun = self.described(noted, options)
        if self.record_late(begun):
            return False
        recorded = self.run.record.records.get(begun.cell)
        why = self.reason(begun, recorded)
        if not why and recorded is not None:
            why = self.restored(begun, recorded, filename)
            if not why:
                return False
        self.start(begun, why)
        return True

    def described(self, noted: Noted, options: Namespace) -> Begun:
        """A cell as it is to begin now."""
        names = names_of(noted.raw)
        code = digest_of([names.code, *sorted(options.skip), "", *sorted(options.pickle)])
        cell = f"name:{options.name}" if options.name else self.identity(noted, names.code)
        inputs = self.inputs().of(names.reads)
        return Begun(cell, options.name or title_of(noted.raw), code, names, options, inputs, noted)

    def identity(self, noted: Noted, code: str) -> str:
        """What tells a cell without a name from others: its id; where the front end sends none, the code."""
        if not noted.id.startswith("execution-"):
            return f"id:{noted.id}"
        late = next((begun.cell for begun in self.unrecorded.values() if begun.names.code == code), None)
        if late is not None:
            return late
        self.seen[code] += 1
        return f"code:{code[:16]}:{self.seen[code]}"

    def inputs(self) -> Inputs:
        """What code depends on, in the kernel as it is now."""
        return Inputs(self.session.cells, self.shell.user_ns, self.digests, self.session.directory)

    def reason(self, begun: Begun, recorded: Recorded | None) -> str:
        """Why a cell is to run; empty where its record still holds."""
        if recorded is None:
            attempt = self.run.record.attempts.get(begun.cell)
            return "it has not run to its end yet" if attempt is not None else "it has not run yet"
        if begun.options.always:
            return "--always"
        if recorded.record.code != begun.code:
            return "its code has changed"
        changed = difference(recorded.record.inputs, begun.before)
        return f"its input {changed}" if changed else ""

    # A cell that is restored -----------------------------------------------------------------------------------------

    def restored(self, begun: Begun, recorded: Recorded, filename: str) -> str:
        """Restores a cell; gives why it can't be, and leaves all names as they were then."""
        namespace: dict[str, Any] = self.shell.user_ns
        before = dict(namespace)
        try:
            self.restore(begun, recorded, filename)
        except Exception as error:  # noqa: BLE001 - the cell itself runs then, and shows what is the user's own
            for name in [name for name in namespace if name not in before]:
                del namespace[name]
            namespace.update(before)
            self.digests.forget()
            return f"what is recorded can't be restored ({type(error).__name__}: {error})"
        return ""

    def restore(self, begun: Begun, recorded: Recorded, filename: str) -> None:
        """Gives the names the values that are recorded, and shows what the cell has shown.

        Raises:
            Unrestorable: A value needs something that is not there.
            PayloadError: A value is not where it was stored, or damaged.
        """
        began = time.perf_counter()
        record = recorded.record
        shown, *payloads = self.run.fetch(recorded.values)
        parts = list(zip(record.values, payloads, strict=True))
        own = [any(begun.names.defines(name) for name in item.needs) for item, _ in parts]
        # A definition may read a value of its cell, and a value may be an instance of a class of its cell.
        self.bind_all(begun, [part for part, late in zip(parts, own, strict=True) if not late])
        exec(begun.names.compiled(filename), self.shell.user_ns)
        self.bind_all(begun, [part for part, late in zip(parts, own, strict=True) if late])
        for name in record.deleted:
            self.shell.user_ns.pop(name, None)
        self.recorder.complete()
        self.is_known = True
        self.left_out |= dict.fromkeys(record.left_out, record.title)
        show(Note.restored(record, time.perf_counter() - began, self.weak(begun)))
        show_again(self.shell, ValueConverter().decode(shown))

    def bind_all(self, begun: Begun, parts: list[tuple[StoredValue, Payload]]) -> None:
        """Gives names their values."""
        namespace: dict[str, Any] = self.shell.user_ns
        for item, payload in parts:
            pickled = item.name in begun.options.pickle
            self.bind(item.name, values.decode(payload, namespace, pickles=pickled), item.digest, pickled=pickled)

    def bind(self, name: str, value: Any, digest: str, *, pickled: bool) -> None:
        """Gives a name a value whose digest is known."""
        self.shell.user_ns[name] = value
        if pickled:
            self.digests.keep_pickled(value, digest)
        else:
            self.digests.keep(name, value, digest)

    def weak(self, begun: Begun) -> list[str]:
        """The inputs of which only the type is compared."""
        return [name for name, digest in begun.before.items() if digest.startswith(BY_TYPE)]

    # A cell that runs ------------------------------------------------------------------------------------------------

    def start(self, begun: Begun, why: str) -> None:
        """Opens the cell's step; the body runs after that.

        Raises:
            DurableCellError: A value will certainly not be storable, or the step can't be opened.
        """
        refuse_foreseen(begun.names, self.shell.user_ns, {*begun.options.skip, *begun.options.pickle})
        noted = begun.noted
        begun.step = self.run.begin(
            CellRun(
                cell=begun.cell,
                title=begun.title,
                source=noted.raw,
                why=why,
                code=begun.code,
                inputs=begun.before,
                kernel=self.run.kernel,
                cell_id=None if noted.id.startswith("execution-") else noted.id,
                cell_number=noted.number,
            )
        )
        self.digests.forget()
        if why != "it has not run yet":
            show(Note.runs(begun.title, why))
        begun.held = dict(self.shell.user_ns)
        self.begun = begun
        begun.showing = Showing(self.shell)
        begun.showing.begin()
        begun.began_seconds = time.perf_counter()

    def finish(self) -> None:
        """After the body: records what it has bound and changed.

        Raises:
            DurableCellError: It can't be recorded; says what to do.
        """
        begun = self.begun
        if begun is None or begun.showing is None:
            return
        begun.showing.flush_figures()
        begun.showing.end()
        begun.seconds = time.perf_counter() - begun.began_seconds
        self.recorder.complete()
        self.begun = None
        self.note_bound(begun)
        self.store(begun)

    def note_bound(self, begun: Begun) -> None:
        """Notes what the body has bound, changed and deleted."""
        namespace: dict[str, Any] = self.shell.user_ns
        after = self.inputs().of(begun.names.reads)
        names = dict.fromkeys(begun.names.binds)
        names |= dict.fromkeys(name for name in namespace if namespace[name] is not begun.held.get(name))
        names |= dict.fromkeys(name for name, digest in after.items() if digest not in (ABSENT, begun.before.get(name)))
        begun.bound = {
            name: namespace[name]
            for name in names
            if name in namespace and not is_private(name) and not self.is_defined_here(begun, name)
        }
        begun.deleted = [name for name in begun.held if name not in namespace and not is_private(name)]

    def is_defined_here(self, begun: Begun, name: str) -> bool:
        """Whether a restored cell gives a name its value by executing the definition."""
        value = self.shell.user_ns[name]
        kinds = (types.ModuleType, type(__future__.annotations))
        return begun.names.defines(name) and (is_code(value) or isinstance(value, kinds))

    def store(self, begun: Begun) -> None:
        """Sends the record of a cell that has run.

        Raises:
            DurableCellError: A value can't be stored.
        """
        begun.left_out = [name for name in begun.options.skip if name in begun.bound]
        encoded, problems = self.encoded(begun)
        if problems:
            self.unrecorded[begun.cell] = begun
            error = unstorable(problems, begun.bound)
            self.run.fail(begun.step, ApplicationError(str(error), type="Unstorable", non_retryable=True))
            raise error
        record = CellRecord(
            cell=begun.cell,
            title=begun.title,
            code=begun.code,
            inputs=begun.before,
            values=[values.stored_value(name, begun.bound[name], each) for name, each in encoded.items()],
            deleted=begun.deleted,
            left_out=begun.left_out,
            seconds=begun.seconds,
            finished_at=datetime.now(UTC),
        )
        self.unrecorded[begun.cell] = begun
        self.run.complete(begun.step, record, list(encoded.values()), self.shown(begun))
        del self.unrecorded[begun.cell]
        self.is_known = True
        for name, each in encoded.items():
            if name in begun.options.pickle:
                self.digests.keep_pickled(begun.bound[name], each.digest)
            else:
                self.digests.keep(name, begun.bound[name], each.digest, each.referred)

    def encoded(self, begun: Begun) -> tuple[dict[str, values.Encoded], list[Unstorable]]:
        """The payloads of what the cell has bound, and what can't be stored."""
        found: dict[str, values.Encoded] = {}
        problems: list[Unstorable] = []
        for name, value in begun.bound.items():
            if name in begun.options.skip:
                continue
            try:
                found[name] = values.encode(value, name, self.shell.user_ns, pickled=name in begun.options.pickle)
            except Unstorable as problem:
                if name in begun.names.entered or is_for_show(value):
                    begun.left_out.append(name)
                else:
                    problems.append(problem)
        return found, problems

    def shown(self, begun: Begun) -> Payload:
        """What the cell has shown, as a payload."""
        assert begun.showing is not None
        try:
            return ValueConverter().encode(begun.showing.shown, "the output")
        except PayloadError:
            return ValueConverter().encode([item for item in begun.showing.shown if item["kind"] == "stream"], "text")

    def record_late(self, begun: Begun) -> bool:
        """Records a cell that has run already and lacked only an option, or the server; whether it did."""
        before = self.unrecorded.get(begun.cell)
        if before is None or begun.options.always or before.names.code != begun.names.code:
            return False
        namespace: dict[str, Any] = self.shell.user_ns
        if any(namespace.get(name) is not value for name, value in before.bound.items()):
            return False
        late = replace(before, options=begun.options, code=begun.code)
        self.recorder.complete()
        late.step = self.run.begin(
            CellRun(
                cell=late.cell,
                title=late.title,
                source=begun.noted.raw,
                why="it has run before, and its values could not be stored then",
                code=late.code,
                inputs=late.before,
                kernel=self.run.kernel,
            )
        )
        self.store(late)
        show(Note.recorded(late.title))
        return True

    # After the cell --------------------------------------------------------------------------------------------------

    def after_cell(self, result: Any) -> None:
        """A cell has ended: one of ours may have failed, any other may have changed values."""
        begun = self.begun
        if begun is not None and self.recorder.current is begun.noted:
            return  # one that it ran itself
        if not self.is_known:
            self.digests.forget()
        self.is_known, self.begun = False, None
        error = result.error_in_exec or result.error_before_exec
        self.explain(error)
        if begun is None or begun.showing is None:
            return
        begun.showing.end()
        if error is not None:
            self.run.fail(begun.step, failure_of(self.shell, error, begun.noted))

    def explain(self, error: BaseException | None) -> None:
        """Says why a name is not there that a cell would have bound, had it not been restored."""
        name = error.name if isinstance(error, NameError) else None
        if name in self.left_out and name not in self.shell.user_ns:
            show(Note.missing(name, self.left_out[name]))


def is_private(name: str) -> bool:
    """Whether a name is IPython's or Python's own."""
    return bool(NOTEBOOK_ONLY.fullmatch(name)) or (name.startswith("__") and name.endswith("__"))


def failure_of(shell: Any, error: BaseException, noted: Noted) -> ApplicationError:
    """An exception of the user's as history keeps it: its class, its words, and the frames of cells."""
    numbers: dict[str, int] = getattr(shell.compile, "_filename_map", {})
    location: CellLocation | None = None
    shown: list[str] = []
    for frame in traceback.extract_tb(error.__traceback__):
        number, line = numbers.get(frame.filename), frame.lineno or 1
        if number is not None:
            cell = noted.id if number == noted.number else f"execution-{number}"
            location = CellLocation(cell_id=cell, cell_number=number, line=line, source_line=frame.line)
            shown.append(f"  {location}, in {frame.name}\n    {(frame.line or '').strip()}")
    details = {
        "location": location.model_dump(mode="json") if location else None,
        "traceback": redacted("\n".join(shown[-SHOWN_FRAMES:])),
    }
    words = redacted(str(error) or type(error).__name__)
    return ApplicationError(words, details, type=type(error).__name__, non_retryable=True)


def title_of(source: str) -> str:
    """What a cell without a name is called: its first line of code."""
    lines = [line.strip() for line in source.splitlines()]
    code = next((line for line in lines if line and not line.startswith(("%%", "#"))), "cell")
    return code if len(code) <= 60 else code[:59] + "…"
