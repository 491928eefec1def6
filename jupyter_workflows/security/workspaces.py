"""Workspaces: who has which role in which of Temporal's namespaces, as one file says it.

    # <home>/workspaces.toml, or what JUPYTER_WORKFLOWS_WORKSPACES names
    [groups]
    risk = ["bob", "cyd"]

    [workspaces.research]
    namespace = "research"
    encryption = "required"
    retention_days = 90
    budget.run = { tokens = 200_000 }
    budget.month = { tokens = 50_000_000 }
    queue = "research"
    admin = ["ada"]
    author = ["group:staff"]
    reviewer = ["group:risk", "dan@company.com"]

Without the file everybody who gets in may do everything, as on one's own machine. With it, nobody may do what no role
gives, and a namespace that it does not name is closed. A file that can't be read, or that others than its owner may
write, closes everything. Names are compared without regard to case, as reviewers are.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast
from urllib.parse import urlsplit

from ..errors import NotPermitted, WorkspacesInvalid
from ..schema.budgets import Period
from .allowances import MONTH_DAYS, Allowance, allowance, prices
from .rights import ROLES, Right, Role, allowed, roles_with

VARIABLE = "JUPYTER_WORKFLOWS_WORKSPACES"
FILE = "workspaces.toml"
GROUP = "group:"
EVERYBODY = "*"
MAX_BYTES = 1_000_000
MAX_NAME = 200
MAX_RETENTION_DAYS = 36_500
MAX_COOLDOWN_SECONDS = 3_600
SETTINGS = ("namespace", "encryption", "retention_days", "budget", "prices", "queue")
HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")


LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_private(address: str) -> bool:
    """Whether nobody can change on the way what an address gives."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


class Person(NamedTuple):
    """Somebody who is known by name, and the groups that whoever signed them in says they are in."""

    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Workspace:
    """One of Temporal's namespaces, with who may do what in it.

    Args:
        name: What it is called.
        namespace: Temporal's namespace.
        members: Role to names; `group:NAME` stands for a group and `*` for everybody who signed in.
        encrypted: Whether only connections that encrypt values may be made to it.
        retention_days: How long closed runs are to be kept; None leaves it as it is.
        budgets: What its runs may take of models, each of them and all together.
        prices: What models cost in it, whatever a worker's environment says; None leaves it to that.
        queue: The task queue whose workers run what is started in it; None for those of who starts it.
    """

    name: str
    namespace: str
    members: Mapping[Role, frozenset[str]] = field(default_factory=dict["Role", frozenset[str]])
    encrypted: bool = False
    retention_days: int | None = None
    budgets: Mapping[Period, Allowance] = field(default_factory=dict["Period", Allowance])
    prices: Mapping[str, Mapping[str, float]] | None = None
    queue: str | None = None

    @property
    def counts_money(self) -> bool:
        """Whether any of its budgets is one of money."""
        return any(each.cost is not None for each in self.budgets.values())

    def roles_of(self, person: Person) -> frozenset[Role]:
        """The roles of a person."""
        known = {EVERYBODY, *(f"{GROUP}{group.casefold()}" for group in person.groups)}
        if not person.name.startswith(GROUP):
            known.add(person.name.casefold())
        return frozenset(role for role, names in self.members.items() if known & names)


@dataclass(frozen=True)
class Issuer:
    """Who signs people in, and how their tokens name them; see `oidc`.

    Args:
        issuer: Its address, as its tokens say it.
        audience: For whom its tokens have to be made.
        name: The claim that is the person's name.
        groups: The claim that lists the person's groups.
        prefix: What names and groups of this issuer begin with here; only one issuer has none.
        keys: Where it publishes its keys; by default where its discovery document says.
        cooldown_seconds: How soon, at the earliest, the keys are read again because a token names an unknown one.
    """

    issuer: str
    audience: str
    name: str = "sub"
    groups: str = "groups"
    prefix: str = ""
    keys: str = ""
    cooldown_seconds: float = 30.0


@dataclass(frozen=True)
class Workspaces:
    """What the file says.

    Args:
        path: The file.
        workspaces: The workspaces by Temporal's namespace.
        groups: Group to members, all in lower case; whoever signs people in may know of more groups.
        issuers: Whose tokens sign people in.
    """

    path: Path
    workspaces: Mapping[str, Workspace]
    groups: Mapping[str, frozenset[str]]
    issuers: Mapping[str, Issuer] = field(default_factory=dict[str, Issuer])

    def known(self, person: Person) -> Person:
        """The person with the groups that the file puts them into as well."""
        name = person.name.casefold()
        return person._replace(groups=person.groups | {group for group, names in self.groups.items() if name in names})

    def roles_of(self, person: Person, namespace: str) -> frozenset[Role]:
        """The roles of a person in a namespace; none where it is no workspace."""
        workspace = self.workspaces.get(namespace)
        return workspace.roles_of(self.known(person)) if workspace else frozenset()

    def check(self, person: Person, namespace: str, right: Right) -> None:
        """Refuses what no role of a person gives.

        Raises:
            NotPermitted: Says which roles the person has and which would do.
        """
        workspace = self.workspaces.get(namespace)
        if workspace is None:
            raise NotPermitted(f"the namespace {namespace} is no workspace: an admin has to name it in {self.path}")
        if not allowed(roles := self.roles_of(person, namespace), right):
            has = ", ".join(role for role in ROLES if role in roles) or "nobody"
            raise NotPermitted(
                f"{person.name[:80]} is {has} in workspace {workspace.name} and has no right to {right}: that takes "
                f"{' or '.join(roles_with(right))}, which {self.path} gives"
            )


class WorkspacesFile:
    """The file, read again when it has changed; many threads may ask.

    Args:
        path: Where it is.
        required: Whether it has to be there.
    """

    def __init__(self, path: Path, *, required: bool = False) -> None:
        self.path = path
        self.required = required
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._content: Workspaces | None = None

    @classmethod
    def of_home(cls, data: Path, named: str = "") -> WorkspacesFile:
        """The file of a home; a path in the configuration wins, then the environment.

        Args:
            data: The home's directory.
            named: What the configuration says.
        """
        chosen = named or os.environ.get(VARIABLE, "")
        return cls(Path(chosen).expanduser(), required=True) if chosen else cls(data / FILE)

    def read(self) -> Workspaces | None:
        """What the file says now; None where there is none and none has to be.

        Cost: one `stat` while it has not changed.

        Raises:
            WorkspacesInvalid: It is missing, can't be read, is writable by others, or says what makes no sense.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            if self.required:
                raise WorkspacesInvalid(
                    f"{self.path} is not there, and {VARIABLE} or the configuration names it"
                ) from None
            return None
        except OSError as error:
            raise WorkspacesInvalid(f"{self.path} can't be read: {error.strerror}") from None
        seen = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode)
        with self._lock:
            if seen != self._seen:
                self._content = None
                self._content = parsed(self.path, found)
                self._seen = seen
            return self._content


def parsed(path: Path, found: os.stat_result) -> Workspaces:
    """What a file says.

    Raises:
        WorkspacesInvalid: It can't be read, is writable by others, or says what makes no sense; names the line.
    """
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
        raise WorkspacesInvalid(f"{path} is no file of at most {MAX_BYTES:,} bytes")
    if os.name == "posix" and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WorkspacesInvalid(f"{path} gives people their roles, and others may write it: chmod go-w {path}")
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        return Reader(path, text).workspaces(tomllib.loads(text))
    except OSError as error:
        raise WorkspacesInvalid(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkspacesInvalid(f"{path} is no TOML: {str(error) or 'it is nested too deeply'}") from None


class Reader:
    """Checks a file's content; each refusal names the line.

    Args:
        path: The file.
        text: What it says.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def workspaces(self, content: dict[str, Any]) -> Workspaces:
        """The checked content.

        Raises:
            WorkspacesInvalid: Something in it makes no sense.
        """
        for key in content:
            if key not in ("groups", "workspaces", "issuers"):
                self.refuse(key, "", f"there is no {key!r}: write [groups], [issuers.NAME] or [workspaces.NAME]")
        groups = {
            str(name).casefold(): self.names("groups", name, members, groups=False)
            for name, members in self.table(content, "groups", "").items()
        }
        found: dict[str, Workspace] = {}
        for name in self.table(content, "workspaces", ""):
            workspace = self.workspace(name, self.table(content["workspaces"], name, "workspaces"))
            if workspace.namespace in found:
                self.refuse(
                    "namespace", f"workspaces.{name}", f"two workspaces have the namespace {workspace.namespace}"
                )
            found[workspace.namespace] = workspace
        issuers = {
            name: self.issuer(name, self.table(content["issuers"], name, "issuers"))
            for name in self.table(content, "issuers", "")
        }
        for what in ("issuer", "prefix"):
            given = [getattr(issuer, what) for issuer in issuers.values()]
            for name, issuer in issuers.items():
                if given.count(getattr(issuer, what)) > 1:
                    self.refuse(what, f"issuers.{name}", f"two issuers have the same {what}: people would be confused")
        return Workspaces(self.path, found, groups, issuers)

    def issuer(self, name: str, content: dict[str, Any]) -> Issuer:
        """One issuer.

        Raises:
            WorkspacesInvalid: Something in it makes no sense.
        """
        table = f"issuers.{name}"
        known = {each.name: each.type for each in fields(Issuer)}
        for key, value in content.items():
            if key not in known:
                self.refuse(key, table, f"there is no setting {key!r}: there are {', '.join(known)}")
            if key == "cooldown_seconds":
                if type(value) not in (int, float) or not 0 <= value <= MAX_COOLDOWN_SECONDS:
                    self.refuse(key, table, f"{key} = {value!r} is no number of seconds up to {MAX_COOLDOWN_SECONDS}")
            elif not isinstance(value, str):
                self.refuse(key, table, f"{key} = {value!r} is no text")
        for key in ("issuer", "audience"):
            if not content.get(key):
                self.refuse(key, table, f"{name} lacks its {key}: without one any token would do")
        for key in ("issuer", "keys"):
            if content.get(key) and not is_private(content[key]):
                self.refuse(key, table, f"{key} = {content[key]!r} begins with https:// (http:// on this machine only)")
        return Issuer(**content)

    def workspace(self, name: str, content: dict[str, Any]) -> Workspace:
        """One workspace.

        Raises:
            WorkspacesInvalid: Something in it makes no sense.
        """
        table = f"workspaces.{name}"
        members: dict[Role, frozenset[str]] = {}
        for key, value in content.items():
            if key in ROLES:
                members[key] = self.names(table, key, value, groups=True)
            elif key not in SETTINGS:
                known = ", ".join((*ROLES, *SETTINGS))
                self.refuse(key, table, f"there is no role or setting {key!r}: there are {known}")
        namespace = content.get("namespace", name)
        if not isinstance(namespace, str) or not namespace.strip():
            self.refuse("namespace", table, f"namespace = {namespace!r} is no name of a namespace")
        encryption = content.get("encryption", "optional")
        if encryption not in ("optional", "required"):
            self.refuse("encryption", table, f'encryption = {encryption!r} is neither "optional" nor "required"')
        days = content.get("retention_days")
        if days is not None and (type(days) is not int or not 1 <= days <= MAX_RETENTION_DAYS):
            self.refuse("retention_days", table, f"retention_days = {days!r} is no whole number of days from 1")
        budgets = self.budgets(table, content)
        if "month" in budgets and days is not None and days < MONTH_DAYS:
            reason = (
                f"retention_days = {days} is shorter than the month whose runs budget.month counts: set {MONTH_DAYS}"
            )
            self.refuse("retention_days", table, reason)
        queue = content.get("queue")
        if queue is not None and (not isinstance(queue, str) or not queue.strip() or len(queue) > MAX_NAME):
            self.refuse("queue", table, f"queue = {queue!r} is no name of a task queue")
        priced = self.prices(table, content)
        found = Workspace(name, namespace, members, encryption == "required", days, budgets, priced, queue)
        if found.counts_money and priced is None:
            self.refuse("budget", table, f"a budget of money needs prices: write [{table}.prices]")
        return found

    def budgets(self, table: str, content: dict[str, Any]) -> dict[Period, Allowance]:
        """The budgets of a workspace.

        Raises:
            WorkspacesInvalid: One makes no sense.
        """
        found: dict[Period, Allowance] = {}
        for period, given in self.table(content, "budget", table).items():
            try:
                found[cast("Period", period)] = allowance(period, given)
            except ValueError as error:
                inside = f"{table}.budget"
                in_table = self.line_of(period, inside) is not None
                self.refuse(*((period, inside) if in_table else (f"budget.{period}", table)), str(error))
        return found

    def prices(self, table: str, content: dict[str, Any]) -> dict[str, dict[str, float]] | None:
        """The prices of a workspace.

        Raises:
            WorkspacesInvalid: One makes no sense.
        """
        try:
            return prices(self.table(content, "prices", table)) if "prices" in content else None
        except ValueError as error:
            self.refuse("prices", table, str(error))

    def table(self, content: dict[str, Any], key: str, inside: str) -> dict[str, Any]:
        """A table in another; empty where it is missing.

        Raises:
            WorkspacesInvalid: It is no table.
        """
        found = content.get(key, {})
        if not isinstance(found, dict):
            self.refuse(key, inside, f"{key} is no table: write [{f'{inside}.{key}' if inside else key}]")
        return cast("dict[str, Any]", found)

    def names(self, table: str, key: str, value: Any, *, groups: bool) -> frozenset[str]:
        """A list of people, in lower case.

        Raises:
            WorkspacesInvalid: It is none.
        """
        if not isinstance(value, list):
            self.refuse(key, table, f'{key} takes a list of names: {key} = ["ada", "group:risk"]')
        found: set[str] = set()
        for name in cast("list[Any]", value):
            plain = name.removeprefix(GROUP) if isinstance(name, str) and groups else name
            if not isinstance(plain, str) or not plain.strip() or len(plain) > MAX_NAME:
                self.refuse(key, table, f"{name!r} in {key} is no name of a person{' or group:NAME' if groups else ''}")
            if not groups and plain.startswith(GROUP):
                self.refuse(key, table, f"{name!r} in {key}: a group has people in it, and no other group")
            found.add(str(name).casefold())
        return frozenset(found)

    def refuse(self, key: str, table: str, reason: str) -> NoReturn:
        """Refuses what makes no sense.

        Raises:
            WorkspacesInvalid: Always; names the line where it is found.
        """
        line = self.line_of(key, table)
        raise WorkspacesInvalid(f"{self.path}{f', line {line}' if line else ''}: {reason}")

    def line_of(self, key: str, table: str) -> int | None:
        """The line that sets a key of a table, else that of the table itself."""
        current, header, at_table = "", f"{table}.{key}" if table else key, None
        assignment = re.compile(rf'\s*"?{re.escape(key)}"?\s*[=.]')
        for number, line in enumerate(self.lines, 1):
            if found := HEADER.match(line):
                current = found[1].replace('"', "").strip()
                if current == header:
                    return number
                at_table = at_table or (number if current == table else None)
            elif current == table and assignment.match(line):
                return number
        return at_table
