"""`@activity` and `@workflow`: what a notebook function becomes."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, get_type_hints, overload

import temporalio.workflow

from ..errors import AuthoringError
from ..schema import CellLocation
from .budget import Budget
from .checks import DOUBTS, Check, check_of
from .compensation import undo_for
from .launch import current_launcher
from .policies import RateLimit, RetryPolicy, meant, positive

P = ParamSpec("P")
R = TypeVar("R")

IfExists = Literal["raise", "attach", "restart"]


@dataclass(frozen=True, kw_only=True)
class ActivityOptions:
    """What `@activity(...)` was given."""

    retry: RetryPolicy | None = None
    timeout: timedelta | None = None
    heartbeat_timeout: timedelta | None = None
    rate_limit: RateLimit | None = None
    summary: str | None = None
    check: Check | None = None
    compensate: Activity[Any, Any] | None = None
    irreversible: bool = False


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """What `Workflow.options(...)` was given."""

    id: str | None = None
    if_exists: IfExists = "raise"
    capture: tuple[str, ...] = ()
    queue: str | None = None


class Definition(Generic[P, R]):
    """A function with a name and what is known of it; `Activity` and `Workflow` are the two kinds."""

    kind = "definition"
    __name__: str

    def __init__(self, fn: Callable[P, R], *, name: str | None) -> None:
        self.fn = fn
        self.name = name or fn.__name__
        self.location: CellLocation | None = None
        functools.update_wrapper(cast("Callable[P, R]", self), fn)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature."""
        return inspect.signature(self.fn)

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """The resolved annotations, `return` included.

        Raises:
            AuthoringError: An annotation names something that is not defined.
        """
        try:
            return get_type_hints(self.fn, include_extras=True)
        except NameError as error:
            raise AuthoringError(
                f"an annotation of {self.kind} {self.name} names {error.name!r}, which is not defined: "
                "run the cell that defines it, or correct the annotation",
                code="JW411",
                location=self.location,
            ) from None

    @property
    def result_type(self) -> Any:
        """The return annotation; None where there is none and values travel as plain JSON."""
        hint = self.hints.get("return")
        return None if hint is None or hint is Any else hint

    def positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments as they travel: one value per parameter, defaults filled in.

        Of `*args` a tuple travels and of `**kwargs` a dict, as one value each.

        Raises:
            TypeError: They do not fit the signature.
        """
        if not kwargs and self.is_positional and len(args) == len(self.signature.parameters):
            return list(args)
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{misfit(self.signature, args, kwargs, str(error), self.name)}: {self.shown}") from None
        bound.apply_defaults()
        return list(bound.arguments.values())

    @property
    def shown(self) -> str:
        """Name and signature, the notebook's own types without a module."""
        return f"{self.name}{self.signature}".replace("__main__.", "")

    @functools.cached_property
    def is_positional(self) -> bool:
        """Whether every parameter takes exactly one value by its place."""
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return all(parameter.kind in plain for parameter in self.signature.parameters.values())

    def travelled(self, values: Sequence[Any]) -> R:
        """Calls the function with the values of `positional`."""
        if self.is_positional:
            return self.fn(*values)  # pyright: ignore[reportCallIssue]
        parameters = self.signature.parameters
        arguments = map(untravelled, parameters.values(), values)
        bound = inspect.BoundArguments(self.signature, OrderedDict(zip(parameters, arguments, strict=True)))
        return self.fn(*bound.args, **bound.kwargs)

    def travelling(self) -> Callable[..., Any]:
        """A function of plain positional parameters that calls this one: what is registered with Temporal."""
        if inspect.iscoroutinefunction(self.fn):

            async def call_async(*values: Any) -> Any:
                return await cast("Any", self.travelled(values))

            call: Any = call_async
        else:

            def call_plain(*values: Any) -> Any:
                return self.travelled(values)

            call = call_plain
        call.__name__ = call.__qualname__ = self.__name__
        call.__module__ = self.fn.__module__
        parameters = self.signature.parameters.values()
        hints = {parameter.name: travelling_hint(parameter, self.hints) for parameter in parameters}
        call.__annotations__ = {name: hint for name, hint in hints.items() if hint is not inspect.Parameter.empty}
        if "return" in self.hints:
            call.__annotations__["return"] = self.hints["return"]
        plain = [
            inspect.Parameter(parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=hints[parameter.name])
            for parameter in parameters
        ]
        call.__signature__ = inspect.Signature(plain)
        return call

    def __repr__(self) -> str:
        return f"<{self.kind} {self.shown}>"


def travelling_hint(parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    """The type of the one value that travels for a parameter."""
    hint = hints.get(parameter.name, parameter.empty)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return list if hint is parameter.empty else list[hint]
    if parameter.kind is parameter.VAR_KEYWORD:
        return dict if hint is parameter.empty else dict[str, hint]
    return hint


def untravelled(parameter: inspect.Parameter, value: Any) -> Any:
    """A value that travelled as a parameter's binding needs it."""
    return tuple(value) if parameter.kind is parameter.VAR_POSITIONAL else value


class Activity(Definition[P, R]):
    """A function that is a durable step when it is awaited in a workflow, and itself everywhere else."""

    kind = "activity"

    def __init__(self, fn: Callable[P, R], *, name: str | None = None, options: ActivityOptions | None = None) -> None:
        super().__init__(fn, name=name)
        self.options = options or ActivityOptions()
        self.is_async = inspect.iscoroutinefunction(fn)
        if self.is_async:
            mark_coroutine(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """A durable step in a workflow, the plain call elsewhere."""
        if temporalio.workflow.in_workflow():
            from .steps import run_activity

            return run_activity(self, args, kwargs)  # pyright: ignore[reportReturnType]
        return self.fn(*args, **kwargs)


class Workflow(Definition[P, R]):
    """An `async` function that runs durably; `start()` begins a run of it."""

    kind = "workflow"

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | None = None,
        budget: Budget | None = None,
        partial: bool = False,
    ) -> None:
        super().__init__(fn, name=name)
        self.budget = budget
        self.partial = partial
        self.description = description or (inspect.getdoc(fn) or "").partition("\n\n")[0] or None
        self.retry = retry
        self.timeout = timeout
        self.start_options = StartOptions()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """A child run in a workflow; refused elsewhere, with the remedy."""
        if temporalio.workflow.in_workflow():
            from .steps import run_child

            return run_child(self, args, kwargs)  # pyright: ignore[reportReturnType]
        call = ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])
        raise AuthoringError(
            f"workflow {self.name} is not called, it is started: run = {self.__name__}.start({call}), then await run",
            code="JW412",
        )

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Starts a run and returns its `Run` handle at once; works in synchronous and asynchronous code.

        Bundles the cells as they were last executed, starts the embedded runtime where none is up, and sends
        the arguments, checked against the annotations.

        Raises:
            ClosureError: The workflow can't run outside the notebook; names every reason.
            ArgumentsError: The arguments do not fit the signature.
            RunAlreadyExists: `options(id=...)` names a run that exists.
            ConnectionFailed: The configured Temporal server can't be reached.
            RuntimeFailed: The embedded runtime can't be started.
        """
        return current_launcher().start(self, args, kwargs)

    def bundle(self) -> Any:
        """Writes the workflow's bundle without starting anything and returns where it is.

        Raises:
            ClosureError: The workflow can't run outside the notebook; names every reason.
        """
        return current_launcher().bundle(self)

    def options(
        self,
        *,
        id: str | None = None,
        if_exists: IfExists = "raise",
        capture: Sequence[str] = (),
        queue: str | None = None,
    ) -> Workflow[P, R]:
        """The same workflow with other options for its next start.

        Args:
            id: The run's id; by default a new one is made. One id is one run, open or closed.
            if_exists: What to do when the id is taken: `"raise"`, `"attach"` to the run there is, or
                `"restart"`: a new run, the old one terminated if it is still open.
            capture: Names of live values to store in the bundle as pickles.
            queue: The task queue whose workers run it, such as the one that `jupyter workflows worker` names; by
                default the notebook's own worker host does.

        Raises:
            AuthoringError: A value makes no sense.
        """
        if if_exists not in ("raise", "attach", "restart"):
            raise AuthoringError(f"options(if_exists={if_exists!r}) takes 'raise', 'attach' or 'restart'", code="JW413")
        for name, value in (("id", id), ("queue", queue)):
            if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > 200):
                text = f"options({name}={shortened(value)}) takes a text of 1 to 200 characters"
                raise AuthoringError(text, code="JW414")
        copy = Workflow(
            self.fn,
            name=self.name,
            description=self.description,
            retry=self.retry,
            timeout=self.timeout,
            budget=self.budget,
            partial=self.partial,
        )
        copy.location = self.location
        copy.start_options = StartOptions(id=id, if_exists=if_exists, capture=tuple(capture), queue=queue)
        return copy

    def definition(self, class_name: str, module: str) -> type:
        """The Temporal workflow class of this function; a bundle assigns it to `class_name` of `module`."""
        from .execution import workflow_class

        return workflow_class(self, class_name, module)


def misfit(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any], reason: str, name: str) -> str:
    """Why arguments don't fit a signature, in a sentence without its end.

    Args:
        signature: The signature.
        args: The positional arguments.
        kwargs: The named ones.
        reason: What Python says.
        name: Whose signature it is.
    """
    parameters = signature.parameters
    unknown = [key for key in kwargs if key not in parameters]
    if unknown:
        return f"{name} has no argument {unknown[0]}=, {meant(unknown[0], list(parameters)).rstrip('?')}"
    if "too many positional" in reason:
        takes = f"{len(parameters)} argument" + ("" if len(parameters) == 1 else "s")
        return f"{name} takes {takes}, and {len(args)} were given"
    given = {*list(parameters)[: len(args)], *kwargs}
    missing = [
        parameter.name
        for parameter in parameters.values()
        if parameter.default is parameter.empty and parameter.name not in given
    ]
    return f"{name} needs {' and '.join(missing)}" if missing and "missing" in reason else f"{name}: {reason}"


def mark_coroutine(target: Any) -> None:
    """Lets `inspect.iscoroutinefunction` say yes to a callable object, where Python can (3.12)."""
    mark = getattr(inspect, "markcoroutinefunction", None)
    if mark:
        mark(target)


@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry: RetryPolicy | None = None,
    timeout: timedelta | None = None,
    heartbeat_timeout: timedelta | None = None,
    rate_limit: RateLimit | None = None,
    summary: str | None = None,
    check: Any = None,
    compensate: Callable[..., Any] | None = None,
    irreversible: bool = False,
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: D417 - options are documented by name
    """Makes a function a durable step where a workflow awaits it; anywhere else it stays itself.

    Runs in a worker process: synchronous functions in threads, asynchronous ones on a loop of their own.

    Args:
        fn: The function, `def` or `async def`.
        name: Name on the timeline and in history; by default the function's.
        retry: How it is tried again; by default the workflow's policy, else 3 attempts.
        timeout: How long one attempt may take; by default 1 hour.
        heartbeat_timeout: After how long without a sign of life an attempt counts as dead; by default 10
            seconds. Signs of life are sent by themselves.
        rate_limit: How often it may be called over all runs.
        summary: A short text shown beside the name.
        check: Who judges its result in a workflow: a `Check`, or a function of the result; see `Check`.
        compensate: The function that undoes it when the run is rolled back. It takes by name what it needs of the
            step's own parameters, `input` (all of them, as a dict), `output` (the step's result) and `key` (a text
            that is the same whenever this effect is undone).
        irreversible: Nothing can undo it: a person is asked before it runs.

    Raises:
        AuthoringError: An option is unknown or makes no sense, or what is decorated is no function.
    """
    if fn is not None and not callable(fn):
        raise AuthoringError(bare_option("activity", fn), code="JW415")
    check_options("activity", options, ("name", *(field.name for field in dataclasses.fields(ActivityOptions))))
    check_policies("activity", options)
    name = options.pop("name", None)
    if options.get("check") is not None:
        options["check"] = check_of(options["check"])
    settings = ActivityOptions(**options)

    def decorate(target: Callable[..., Any]) -> Activity[..., Any]:
        check_function("activity", target)
        check_repair(target, settings.check)
        if settings.compensate is None:
            return Activity(target, name=name, options=settings)
        undo = undo_for(target, settings.compensate)
        return Activity(target, name=name, options=dataclasses.replace(settings, compensate=undo))

    return decorate(fn) if fn is not None else decorate


@overload
def workflow(fn: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    description: str | None = None,
    retry: RetryPolicy | None = None,
    timeout: timedelta | None = None,
    budget: Budget | None = None,
    partial: bool = False,
) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
def workflow(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: D417 - options are documented by name
    """Makes an `async def` a workflow: what it awaits is a durable step.

    Args:
        fn: The `async def`. Annotations give the types; without them values travel as plain JSON.
        name: Name of the workflow; by default the function's.
        description: What it does, in a sentence; by default the docstring's first paragraph.
        retry: The retry policy of its steps; a step's own wins.
        timeout: Bounds the whole run, waits for people included; by default there is no bound.
        budget: What its model calls may take before a person is asked.
        partial: A run that fails or is cancelled keeps what its steps did; by default it is rolled back.

    Raises:
        AuthoringError: An option is unknown or makes no sense, or what is decorated is no `async def`.
    """
    if fn is not None and not callable(fn):
        raise AuthoringError(bare_option("workflow", fn), code="JW415")
    check_options("workflow", options, ("name", "description", "retry", "timeout", "budget", "partial"))
    check_policies("workflow", options)

    def decorate(target: Callable[..., Any]) -> Workflow[..., Any]:
        check_function("workflow", target)
        if not inspect.iscoroutinefunction(target):
            raise AuthoringError(
                f"@workflow needs an `async def`, and {target.__name__} is not one: "
                f"write `async def {target.__name__}(...)`",
                code="JW416",
            )
        return Workflow(target, **options)

    return decorate(fn) if fn is not None else decorate


def check_options(kind: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuses unknown options with a suggestion.

    Raises:
        AuthoringError: An option is not one of `known`.
    """
    for option in given:
        if option not in known:
            raise AuthoringError(f"@{kind} has no option {option}=: {meant(option, known)}", code="JW417")


def article(kind: str) -> str:
    """`an activity`, `a workflow`."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def bare_option(kind: str, value: Any) -> str:
    """Says how an option is given that was given without its name."""
    example = f"name={value!r}" if isinstance(value, str) else "retry=RetryPolicy(max_attempts=3)"
    return f"@{kind} takes options by name, not {value!r}: write @{kind}({example})"


def shortened(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def check_policies(kind: str, options: dict[str, Any]) -> None:
    """Refuses options of a wrong type.

    Raises:
        AuthoringError: A policy or duration is of another type than it should be.
    """
    for option, wanted, example in (
        ("retry", RetryPolicy, "RetryPolicy(max_attempts=3)"),
        ("rate_limit", RateLimit, "RateLimit(calls=10, per=timeout(minutes=1))"),
        ("budget", Budget, "Budget(tokens=100_000)"),
    ):
        value = options.get(option)
        if value is not None and not isinstance(value, wanted):
            raise AuthoringError(f"@{kind}({option}={value!r}): write {option}={example}", code="JW418")
    for option in ("irreversible", "partial"):
        if not isinstance(options.get(option, False), bool):
            raise AuthoringError(f"@{kind}({option}={options[option]!r}) takes True or False", code="JW483")
    if options.get("compensate") is not None and options.get("irreversible"):
        raise AuthoringError(
            f"@{kind}(compensate=..., irreversible=True) says that the step can be undone and that it can't: "
            "take one of them away",
            code="JW484",
        )
    for option in ("timeout", "heartbeat_timeout"):
        if options.get(option) is not None:
            positive(options[option], f"@{kind}({option}=...)")
    for option in ("name", "description", "summary"):
        value = options.get(option)
        if value is not None and (wanted_text := no_text(value)):
            raise AuthoringError(f"@{kind}({option}={value!r}) {wanted_text}", code="JW419")


def no_text(value: object) -> str:
    """Why a value is no text that can be shown and written down; empty for one that is."""
    if not isinstance(value, str) or not value.strip():
        return "takes a text that is not empty"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"takes a text of whole characters: {value[error.start]!r} is half of one"
    return ""


def check_repair(target: Callable[..., Any], check: Check | None) -> None:
    """Refuses to repair what can't be told what is wrong.

    Raises:
        AuthoringError: The function has no parameter for the doubts.
    """
    if check is not None and check.on_doubt == "repair" and DOUBTS not in inspect.signature(target).parameters:
        raise AuthoringError(
            f"{target.__name__} can't be told what is wrong with its result: give it a parameter `{DOUBTS}=()`, or "
            'take on_doubt="ask", "accept" or "fail"',
            code="JW456",
        )


def described(value: Any) -> str:
    """What was decorated, in a few words."""
    return f"the class {value.__name__}" if isinstance(value, type) else shortened(value)


def check_function(kind: str, target: Any) -> None:
    """Refuses what can't be a step: classes, methods of instances, generators, an already decorated function.

    Raises:
        AuthoringError: `target` is none of `def` and `async def`.
    """
    if isinstance(target, Definition):
        raise AuthoringError(
            f"{target.name} is {article(target.kind)} already: decorate it once, with either @activity or @workflow",
            code="JW420",
        )
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise AuthoringError(
            f"@{kind} can't take the generator {target.__name__}: return a list instead of yielding", code="JW421"
        )
    if not inspect.isfunction(target):
        raise AuthoringError(f"@{kind} takes a function (`def` or `async def`), not {described(target)}", code="JW422")
