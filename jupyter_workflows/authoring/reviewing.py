"""How many people decide, who may not, who is reminded and who comes next: what `human_approval` can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from ..errors import AuthoringError
from ..schema.approvals import GROUP
from .policies import ByName, positive

if TYPE_CHECKING:
    from .definitions import Activity

Assignees = str | Sequence[str] | None
MAX_PEOPLE = 50
MAX_NAME = 200
MAX_REMINDERS = 100


@dataclass(frozen=True, kw_only=True)
class Quorum(ByName):
    """How many people have to agree before an approval is decided.

    Args:
        approvals: So many different people have to approve the same version of what is asked.
        rejections: So many rejections reject it; by default one is enough.

    Raises:
        AuthoringError: A number is no whole number of at least 1.
    """

    approvals: int
    rejections: int = 1

    def __post_init__(self) -> None:
        for name, value in (("approvals", self.approvals), ("rejections", self.rejections)):
            if type(value) is not int or not 1 <= value <= MAX_PEOPLE:
                raise AuthoringError(
                    f"Quorum({name}={value!r}) takes a whole number from 1 to {MAX_PEOPLE}", code="JW470"
                )


@dataclass(frozen=True, kw_only=True)
class Reminders(ByName):
    """When an approval that still waits is brought to mind again.

    Each reminder is an event of the run's history; views and notifications show it.

    Args:
        every: The time from one to the next; the first comes after that time.
        times: At most so many.
        remind: An activity that is awaited with the approval at each reminder and escalation, such as one that posts
            to a chat. It is a step like any other; that it fails does not disturb the approval.

    Raises:
        AuthoringError: A value makes no sense.
    """

    every: timedelta
    times: int = 5
    remind: Activity[Any, Any] | None = None

    def __post_init__(self) -> None:
        from .definitions import Activity

        positive(self.every, "Reminders(every=...)")
        if type(self.times) is not int or not 1 <= self.times <= MAX_REMINDERS:
            raise AuthoringError(
                f"Reminders(times={self.times!r}) takes a whole number from 1 to {MAX_REMINDERS}", code="JW472"
            )
        if self.remind is not None and not isinstance(self.remind, Activity):
            raise AuthoringError(
                f"Reminders(remind={getattr(self.remind, '__name__', self.remind)!r}) takes an activity: put "
                "@activity above the function, which gets the approval",
                code="JW472",
            )
        if self.remind is not None:
            try:
                self.remind.signature.bind("the approval")
            except TypeError:
                raise AuthoringError(
                    f"Reminders(remind={self.remind.__name__}) gives the activity one argument, the approval: it takes "
                    f"{self.remind.signature}",
                    code="JW472",
                ) from None


@dataclass(frozen=True, kw_only=True)
class Escalation(ByName):
    """Who may decide as well once an approval has waited for long.

    Args:
        to: A name, or several.
        after: How long it has waited by then.

    Raises:
        AuthoringError: A value makes no sense.
    """

    to: str | Sequence[str]
    after: timedelta

    def __post_init__(self) -> None:
        positive(self.after, "Escalation(after=...)")
        if not people(self.to, "Escalation(to=...)"):
            raise AuthoringError("Escalation(to=...) names nobody: give a user name or an address", code="JW432")


@dataclass(frozen=True)
class Rules:
    """How an approval is reviewed, with every short form written out."""

    assignees: tuple[str, ...]
    quorum: Quorum
    four_eyes: bool
    reminders: Reminders | None
    escalations: tuple[Escalation, ...]


def people(assignee: Any, what: str = "human_approval(assignee=...)") -> tuple[str, ...]:
    """The names in an `assignee`, each once.

    Raises:
        AuthoringError: It is neither a name nor several.
    """
    if assignee is None:
        return ()
    names = (assignee,) if isinstance(assignee, str) else assignee
    if not isinstance(names, Sequence) or not 0 < len(cast("Sequence[Any]", names)) <= MAX_PEOPLE:
        raise AuthoringError(
            f"{what[:-4]}{assignee!r}) takes a user name or an address, up to {MAX_PEOPLE} of them, or nothing",
            code="JW432",
        )
    found: dict[str, str] = {}
    for name in cast("Sequence[Any]", names):
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise AuthoringError(f"{what[:-4]}{assignee!r}) takes a user name or an address, or nothing", code="JW432")
        if name.casefold().startswith(GROUP) and (not name.startswith(GROUP) or not name[len(GROUP) :].strip()):
            raise AuthoringError(f"{what[:-4]}{assignee!r}) names no group: write 'group:risk'", code="JW432")
        found.setdefault(name.casefold(), name)
    return tuple(found.values())


def rules_of(assignee: Any, *, on_timeout: Any, quorum: Any, four_eyes: Any, reminders: Any, escalate: Any) -> Rules:
    """The rules that `human_approval` was called with.

    Raises:
        AuthoringError: They make no sense, or can't be kept together.
    """
    names = people(assignee)
    rules = Rules(
        names, quorum_of(quorum), four_eyes_of(four_eyes, on_timeout), reminders_of(reminders), steps_of(escalate)
    )
    check_reachable(rules)
    if rules.escalations and not names:
        raise AuthoringError(
            "human_approval(escalate=...) needs an assignee: without one everybody may decide from the beginning",
            code="JW473",
        )
    return rules


def quorum_of(quorum: Any) -> Quorum:
    """The quorum, by default one approval or one rejection.

    Raises:
        AuthoringError: It is no number and no `Quorum`.
    """
    if quorum is None:
        return Quorum(approvals=1)
    if isinstance(quorum, Quorum):
        return quorum
    if type(quorum) is not int or not 1 <= quorum <= MAX_PEOPLE:
        raise AuthoringError(
            f"human_approval(quorum={quorum!r}) takes a whole number from 1 to {MAX_PEOPLE}, or "
            "Quorum(approvals=2, rejections=2)",
            code="JW470",
        )
    return Quorum(approvals=quorum)


def four_eyes_of(four_eyes: Any, on_timeout: Any) -> bool:
    """Whether whoever started the run may not approve.

    Raises:
        AuthoringError: It is neither true nor false, or silence would do for the second pair of eyes.
    """
    if not isinstance(four_eyes, bool):
        raise AuthoringError(f"human_approval(four_eyes={four_eyes!r}) takes True or False", code="JW471")
    if four_eyes and on_timeout == "approve":
        raise AuthoringError(
            "human_approval(four_eyes=True, on_timeout='approve') would let the run pass with nobody's yes: take "
            "on_timeout='reject' or 'raise'",
            code="JW471",
        )
    return four_eyes


def reminders_of(reminders: Any) -> Reminders | None:
    """When an approval is brought to mind again.

    Raises:
        AuthoringError: It is neither a timedelta nor `Reminders`.
    """
    if reminders is None or isinstance(reminders, Reminders):
        return reminders
    return Reminders(every=positive(reminders, "human_approval(reminders=...)"))


def steps_of(escalate: Any) -> tuple[Escalation, ...]:
    """The escalations in the order in which they come.

    Raises:
        AuthoringError: One is something else.
    """
    if escalate is None:
        return ()
    steps = [escalate] if isinstance(escalate, Escalation) else escalate
    if not isinstance(steps, Sequence) or not all(
        isinstance(step, Escalation) for step in cast("Sequence[Any]", steps)
    ):
        raise AuthoringError(
            f"human_approval(escalate={escalate!r}) takes Escalation(to='boss@company.com', after=timeout(days=1)), or "
            "several",
            code="JW473",
        )
    return tuple(sorted(cast("Sequence[Escalation]", steps), key=lambda step: step.after))


def check_reachable(rules: Rules) -> None:
    """Refuses a quorum that the people asked can never give.

    Raises:
        AuthoringError: It is one.
    """
    if not rules.assignees:
        return
    asked = {name.casefold() for name in rules.assignees}
    for step in rules.escalations:
        asked.update(name.casefold() for name in people(step.to))
    if any(name.startswith(GROUP) for name in asked):
        return
    for word, number in (("approvals", rules.quorum.approvals), ("rejections", rules.quorum.rejections)):
        if number > len(asked):
            raise AuthoringError(
                f"human_approval(quorum=...) wants {number} {word}, and only {len(asked)} "
                f"{'person is' if len(asked) == 1 else 'people are'} asked: name more in assignee=[...], or nobody, so "
                "that everybody may decide",
                code="JW470",
            )
