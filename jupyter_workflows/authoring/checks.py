"""`check=`: who judges an answer, and what happens to one that is doubtful."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar, cast, get_args, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

from ..errors import AuthoringError, CheckFailed
from ..schema import Doubt
from .policies import positive

T = TypeVar("T")

Policy = Literal["repair", "ask", "accept", "fail"]
POLICIES = get_args(Policy)
DOUBTS = "doubts"
"""The parameter of an activity that is told what was wrong."""
MAX_REPAIRS = 20
MAX_DOUBTS = 50


class Partial(BaseModel, Generic[T]):
    """An answer that was taken although something of it is doubtful; whole where nothing is.

    Attributes:
        value: The answer; None where it is not even of its type.
        doubts: What is doubtful.
        raw: What came, as plain data.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)

    value: T | None
    doubts: list[Doubt] = []
    raw: Any = None

    @property
    def complete(self) -> bool:
        """Whether nothing is doubtful."""
        return not self.doubts

    @property
    def doubtful(self) -> set[str]:
        """The fields that are doubtful; an empty name stands for the whole answer."""
        return {doubt.field for doubt in self.doubts}

    def trusted(self) -> dict[str, Any]:
        """The fields of the answer that nobody doubts, as plain data; none where the whole answer is doubtful."""
        raw = self.raw if self.raw is not None else to_jsonable_python(self.value)
        if not isinstance(raw, Mapping) or "" in self.doubtful:
            return {}
        tops = {field.partition(".")[0] for field in self.doubtful}
        return {name: part for name, part in cast("Mapping[str, Any]", raw).items() if name not in tops}


@dataclass(frozen=True)
class Examination:
    """What a validator that needs more than the answer is given.

    Attributes:
        value: The answer.
        asked: What was asked, as text.
        again: Asks the same once more and gives the other answer.
    """

    value: Any
    asked: str
    again: Callable[[], Awaitable[Any]]


@runtime_checkable
class Examiner(Protocol):
    """A validator that looks at more than the answer alone: a judge, an agreement of samples."""

    async def examine(self, examination: Examination) -> Any:
        """Gives what a validator gives."""
        ...


@dataclass(frozen=True, init=False)
class Check:
    """How an answer is checked, and what happens when it is doubtful.

    A validator is a function of the answer, a pydantic model, an activity, `ai.judge(...)` or
    `ai.agreement(...)`. It gives nothing (or true) where all is well; else false, a sentence, a `Doubt`, a list of
    these, or a mapping of fields to sentences; raising ValueError says the same. A function must be deterministic:
    it runs in the workflow. What asks outside must be an activity.

    Args:
        validators: Who judges.
        on_doubt: `"repair"` asks again and says what is wrong; `"ask"` asks a person, who may edit the answer;
            `"accept"` takes it as `Partial`; `"fail"` raises `CheckFailed`. By default `"repair"` where the step can
            be told what is wrong, else `"fail"`.
        repairs: How often `"repair"` asks again.
        otherwise: What happens to an answer that is still doubtful after that.
        assignee: Who is asked; by default everybody who may see the run.
        timeout: How long a person is waited for; no answer counts as no.

    Raises:
        AuthoringError: An argument makes no sense.
    """

    validators: tuple[Any, ...]
    on_doubt: Policy | None
    repairs: int
    otherwise: Policy
    assignee: str | None
    timeout: timedelta | None

    def __init__(
        self,
        *validators: Any,
        on_doubt: Policy | None = None,
        repairs: int = 2,
        otherwise: Policy = "fail",
        assignee: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        for validator in validators:
            if not callable(validator) and not isinstance(validator, Examiner):
                raise AuthoringError(
                    f"Check({validator!r}) takes functions of the answer, pydantic models, activities, ai.judge(...) "
                    "and ai.agreement(...)",
                    code="JW453",
                )
        if on_doubt is not None and on_doubt not in POLICIES:
            raise AuthoringError(
                f"Check(on_doubt={on_doubt!r}) takes 'repair', 'ask', 'accept' or 'fail'", code="JW454"
            )
        if otherwise not in POLICIES or otherwise == "repair":
            raise AuthoringError(f"Check(otherwise={otherwise!r}) takes 'ask', 'accept' or 'fail'", code="JW454")
        if type(repairs) is not int or not 1 <= repairs <= MAX_REPAIRS:
            raise AuthoringError(
                f"Check(repairs={repairs!r}) takes a whole number from 1 to {MAX_REPAIRS}", code="JW455"
            )
        if timeout is not None:
            positive(timeout, "Check(timeout=...)")
        for name, value in (
            ("validators", validators), ("on_doubt", on_doubt), ("repairs", repairs), ("otherwise", otherwise),
            ("assignee", assignee), ("timeout", timeout),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def policy(self, *, can_repair: bool) -> Policy:
        """What happens first to a doubtful answer."""
        return self.on_doubt or ("repair" if can_repair else self.otherwise)

    @property
    def accepts(self) -> bool:
        """Whether a doubtful answer may be taken as partial, so that every answer comes as `Partial`."""
        return "accept" in (self.on_doubt, self.otherwise)


def check_of(given: Any) -> Check:
    """A check from what the user gave: a `Check`, one validator, or several."""
    if isinstance(given, Check):
        return given
    return Check(*given) if isinstance(given, (list, tuple)) else Check(given)


class Trial(Protocol):
    """A step whose answer is checked: it can be run, and run again with what was wrong."""

    @property
    def step(self) -> str:
        """Id of the step that ran last; empty outside of a workflow."""
        ...

    @property
    def asked(self) -> str:
        """What is asked, as text."""
        ...

    @property
    def can_repair(self) -> bool:
        """Whether it can be told what was wrong."""
        ...

    async def run(self, doubts: Sequence[Doubt] = ()) -> Any:
        """Gives an answer, after others that were doubtful."""
        ...

    async def sample(self) -> Any:
        """Gives another answer to compare with; it takes no part in what follows."""
        ...

    def doubts(self, answer: Any) -> list[Doubt]:
        """What is wrong with the answer's form, before any validator looks at it."""
        ...

    def value(self, answer: Any) -> Any:
        """What validators look at and a person may edit."""
        ...

    def edited(self, answer: Any, value: Any) -> Any:
        """The answer with an edited value.

        Raises:
            ValueError: It does not fit.
        """
        ...


async def doubts_of(check: Check, trial: Trial, answer: Any) -> list[Doubt]:
    """What is doubtful in an answer; a wrong form is told before anything else."""
    found = trial.doubts(answer)
    if found:
        return found[:MAX_DOUBTS]
    value = trial.value(answer)

    async def again() -> Any:
        return trial.value(await trial.sample())

    for validator in check.validators:
        found.extend(await verdict(validator, Examination(value, trial.asked, again)))
    return found[:MAX_DOUBTS]


async def verdict(validator: Any, examination: Examination) -> list[Doubt]:
    """What one validator finds."""
    name = name_of(validator)
    try:
        if isinstance(validator, type) and issubclass(validator, BaseModel):
            validator.model_validate(to_jsonable_python(examination.value))
            return []
        found = validator.examine(examination) if isinstance(validator, Examiner) else validator(examination.value)
        if inspect.isawaitable(found):
            found = await found
    except ValidationError as error:
        return doubts_in(error, name)
    except (ValueError, AssertionError) as error:
        return [Doubt(reason=str(error) or f"{name} refuses it", by=name)]
    return list(as_doubts(found, name))


def as_doubts(found: Any, by: str) -> Iterable[Doubt]:
    """What a validator gave, as doubts.

    Raises:
        CheckFailed: It gave something that means nothing.
    """
    if found is None or found is True:
        return
    if found is False:
        yield Doubt(reason=f"{by} says no", by=by)
    elif isinstance(found, Doubt):
        yield found if found.by else found.model_copy(update={"by": by})
    elif isinstance(found, str):
        yield Doubt(reason=found, by=by)
    elif isinstance(found, Mapping):
        for field, reason in cast("Mapping[Any, Any]", found).items():
            yield Doubt(field=str(field), reason=str(reason), by=by)
    elif isinstance(found, (list, tuple)):
        for item in cast("Sequence[Any]", found):
            yield from as_doubts(Doubt.model_validate(item) if isinstance(item, Mapping) else item, by)
    else:
        raise CheckFailed(f"validator {by} gave {found!r}: give nothing, a sentence, a Doubt, or a list of them")


def doubts_in(error: ValidationError, by: str) -> list[Doubt]:
    """What a validation found, field by field."""
    return [
        Doubt(field=".".join(map(str, problem["loc"])), reason=problem["msg"], by=by)
        for problem in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_DOUBTS]
    ]


def name_of(validator: Any) -> str:
    """What a validator is called."""
    return str(getattr(validator, "name", None) or getattr(validator, "__name__", None) or type(validator).__name__)


def listed(doubts: Sequence[Doubt], limit: int = 10) -> str:
    """Doubts as one sentence."""
    more = f"; and {len(doubts) - limit} more" if len(doubts) > limit else ""
    return "; ".join(map(str, doubts[:limit])) + more
