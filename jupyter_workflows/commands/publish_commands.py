"""The commands that let others call workflows."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from datetime import datetime

from ..connection import loop_thread
from ..errors import CommandError
from ..publish.callers import list_tokens, make_token, revoke
from ..publish.calls import list_calls
from ..publish.published import find_published, list_published, publish, unpublish
from ..runs.access import RunAccess
from ..schema.publishing import CallerToken, Published
from ..session import Session
from .outcomes import Outcome
from .tables import Cell, Facts, Shown, Table

HASHED = {"sha256"}


def publish_workflow(session: Session, arguments: Namespace) -> Outcome:
    """`publish`."""
    made = publish(session, arguments.name, tool=arguments.tool, description=arguments.description)
    return Outcome(data=made, shown=published_facts(made))


def published_facts(made: Published) -> Shown:
    """What was published."""
    return Facts(
        Cell(f"✓ {made.workflow} is published as {made.tool}", "good"),
        [("bundle", made.digest[:16]), ("description", made.description)],
        note="`jupyter workflows gateway` serves it to those who have a token: `jupyter workflows tokens add NAME`.",
    )


def unpublish_workflow(session: Session, arguments: Namespace) -> Outcome:
    """`unpublish`."""
    gone = unpublish(session.home, arguments.tool)
    return Outcome(data=gone, shown=Facts(f"{gone.tool} is not published any more; runs that were called go on"))


def list_publications(session: Session, arguments: Namespace) -> Outcome:
    """`published`."""
    if arguments.calls:
        return calls_outcome(session, arguments)
    known = list_published(session.home)
    rows = [[each.tool, each.workflow, each.digest[:16], each.published_by, moment(each.published_at),
             each.description] for each in known]  # fmt: skip
    titles = ["name", "workflow", "bundle", "by", "at (UTC)", "description"]
    table = Table(titles, rows, "nothing is published: `%workflow publish NAME`", flexible=["description"])
    return Outcome(data=known, shown=table)


def calls_outcome(session: Session, arguments: Namespace) -> Outcome:
    """Who called what.

    Raises:
        CommandError: The limit is no number from 1.
    """
    if arguments.limit < 1:
        raise CommandError(f"--limit takes a whole number from 1, not {arguments.limit}")
    tool = find_published(session.home, arguments.tool).tool if arguments.tool else None
    access = RunAccess.of(session.client(), session.home)
    calls = loop_thread().run(list_calls(access, tool=tool, limit=arguments.limit))
    rows = [[moment(call.at), call.caller, call.tool, call.run, call.status] for call in calls]
    titles = ["at (UTC)", "caller", "name", "run", "status"]
    return Outcome(data=calls, shown=Table(titles, rows, "nobody has called anything", flexible=["run", "caller"]))


def tokens(session: Session, arguments: Namespace) -> Outcome:
    """`tokens`.

    Raises:
        CommandError: A name or id is missing.
    """
    home = session.home
    if arguments.action == "list":
        known = list_tokens(home)
        rows = [
            [token.id, token.caller, may(token), moment(token.made_at),
             moment(token.expires_at) if token.expires_at else "without limit"] for token in known
        ]  # fmt: skip
        titles = ["id", "caller", "may", "made (UTC)", "good until (UTC)"]
        data = [token.model_dump(mode="json", exclude=HASHED) for token in known]
        return Outcome(data=data, shown=Table(titles, rows, "there is none: `tokens add NAME`", flexible=["may"]))
    if not arguments.who:
        what = "add needs the name of who calls" if arguments.action == "add" else "revoke needs a token's id"
        raise CommandError(f"`tokens` {what}: `tokens --help` shows examples")
    if arguments.action == "revoke":
        gone = revoke(home, arguments.who)
        data = gone.model_dump(mode="json", exclude=HASHED)
        return Outcome(data=data, shown=Facts(f"token {gone.id} of {gone.caller} is good for nothing any more"))
    if session.namespace:
        raise CommandError("a token has no place in a notebook: `jupyter workflows tokens add NAME` in a terminal")
    made, text = make_token(home, arguments.who, days=arguments.days, may_decide=arguments.decide, tools=arguments.tool)
    facts = [("token", text), ("id", made.id), ("may", may(made))]
    data = {**made.model_dump(mode="json", exclude=HASHED), "token": text}
    note = "It is shown this once: what is stored is a hash. Send it as `Authorization: Bearer TOKEN`."
    return Outcome(data=data, shown=Facts(Cell(f"✓ a token for {made.caller}", "good"), facts, note=note))


def may(token: CallerToken) -> str:
    """What a token lets its bearer do, in words."""
    what = "call everything" if token.tools is None else f"call {', '.join(token.tools)}"
    return f"{what}, decide" if token.may_decide else what


def moment(at: datetime) -> str:
    """A time to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def gateway(session: Session, arguments: Namespace) -> Outcome:
    """`gateway`: serves until it is interrupted.

    Raises:
        CommandError: What it needs is not installed.
    """
    if importlib.util.find_spec("mcp") is None:
        raise CommandError('the gateway needs the MCP SDK: `pip install "jupyter-workflows[mcp]"`')
    from ..publish.gateway import GatewaySettings, serve

    serve(
        session,
        GatewaySettings(
            host=arguments.host,
            port=arguments.port,
            hosts=arguments.allow_host or (),
            origins=arguments.allow_origin or (),
            certificate=arguments.certificate,
            private_key=arguments.private_key,
            behind_proxy=arguments.behind_proxy,
            wait_seconds=arguments.wait,
            per_second=arguments.rate,
        ),
    )
    return Outcome(data={}, shown=Facts("the gateway has ended"))
