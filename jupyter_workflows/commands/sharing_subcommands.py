"""The subcommands that let others and the clock start workflows: publishing, tokens, the gateway, schedules."""

from __future__ import annotations

from typing import get_args

from ..schema.schedules import Overlap
from .options import WORKFLOW, Subcommand, option

TOOL = option("tool", metavar="TOOL", help="the name it is called by, as `published` lists it")

SHARING = (
    Subcommand(
        "publish",
        "let others call a workflow",
        "Publishes a workflow as its code is now: as a tool for MCP clients and an endpoint for programs, by "
        "`gateway`, and in JupyterLab's list for people. It keeps this code until it is published again.",
        [
            WORKFLOW,
            option("--as", metavar="TOOL", dest="tool", help="what it is called by; default: the workflow's name"),
            option("--description", metavar="TEXT", help="what callers are told; default: the workflow's docstring"),
        ],
        ["publish review --description 'Reviews a contract'", "publish review --as contract_review"],
    ),
    Subcommand(
        "unpublish",
        "let nobody call it any more",
        "Ends the publication of a workflow at once. Runs that were called go on.",
        [TOOL],
        ["unpublish contract_review"],
    ),
    Subcommand(
        "published",
        "what is published, and who called it",
        "Lists what others may call; with --calls who called what, when, and which run it became.",
        [
            option("--calls", action="store_true", help="who called what, the newest first"),
            option("--tool", metavar="TOOL", help="only calls of this"),
            option("--limit", metavar="N", type=int, default=100, help="at most so many calls; default: 100"),
        ],
        ["published", "published --calls --tool contract_review", "published --json"],
    ),
    Subcommand(
        "tokens",
        "the tokens of those who may call",
        "Lists the bearer tokens of callers; `add NAME` makes one, which is shown once, `revoke ID` makes one good for "
        "nothing at once. NAME starts the runs and stands in their record.",
        [
            option(
                "action",
                metavar="ACTION",
                nargs="?",
                choices=("list", "add", "revoke"),
                default="list",
                help="list, add or revoke; default: list",
            ),
            option("who", metavar="NAME", nargs="?", help="who calls; with revoke the token's id"),
            option("--days", metavar="N", type=float, help="how long it is good; default: without limit"),
            option("--decide", action="store_true", help="it may decide approvals of runs it started, as NAME"),
            option("--tool", metavar="TOOL", action="append", help="it may call this only; may be given again"),
        ],
        ["tokens", "tokens add ada@company.com --days 90 --decide", "tokens revoke 0a1b2c3d"],
    ),
    Subcommand(
        "gateway",
        "serve what is published until interrupted",
        "Serves what is published to MCP clients at /mcp and to programs by REST (/openapi.json describes it), for "
        "bearers of a token. Listens on this machine only, unless told otherwise.",
        [
            option("--host", metavar="ADDRESS", default="127.0.0.1", help="the address; default: 127.0.0.1"),
            option("--port", metavar="N", type=int, default=8321, help="the port, 0 takes a free one; default: 8321"),
            option("--allow-host", metavar="NAME", action="append", help="a name it is reached by, may be given again"),
            option("--allow-origin", metavar="ORIGIN", action="append", help="pages that may ask, may be given again"),
            option("--certificate", metavar="FILE", help="certificate for TLS (PEM)", candidates="paths"),
            option("--private-key", metavar="FILE", help="its key (PEM)", candidates="paths"),
            option("--behind-proxy", action="store_true", help="a proxy before it does TLS"),
            option(
                "--wait",
                metavar="SECONDS",
                type=float,
                default=300.0,
                help="an MCP call lasts at most so long, its run as long as it takes; default: 300",
            ),
            option(
                "--rate",
                metavar="N",
                type=float,
                default=20.0,
                help="requests a second of one token, over time; default: 20",
            ),
        ],
        ["gateway", "gateway --port 9000", "gateway --host 0.0.0.0 --behind-proxy --allow-host flows.company.com"],
    ),
    Subcommand(
        "schedule",
        "start runs by the clock",
        "Starts runs of a workflow at all times that --cron, --every and --calendar say, as its code is now; again "
        "under the same id renews it. Temporal starts them; a run waits until a worker is there, and while the "
        "embedded runtime is up it starts one.",
        [
            WORKFLOW,
            option("arguments", metavar="JSON", nargs="?", help="what each run is given; default: nothing"),
            option(
                "--cron",
                metavar="EXPR",
                action="append",
                help="minute, hour, day of month, month, day of week; or @daily; may be given again",
            ),
            option("--every", metavar="TIME", help="from one start to the next: 30s, 15m, 1h, 1d"),
            option(
                "--calendar",
                metavar="FIELDS",
                action="append",
                help="such as 'hour=9 day_of_week=mon-fri'; may be given again",
            ),
            option(
                "--timezone",
                metavar="ZONE",
                default="UTC",
                help="of --cron and --calendar, such as Europe/Paris; default: UTC",
            ),
            option(
                "--overlap",
                metavar="POLICY",
                choices=get_args(Overlap),
                default="skip",
                help=f"while the run before is not over: {', '.join(get_args(Overlap))}; default: skip",
            ),
            option("--catch-up", metavar="TIME", help="how late a start may be made up for; default: 1h"),
            option("--backfill", metavar="TIME", nargs=2, help="from when and until when starts are made up for now"),
            option("--id", metavar="ID", help="the schedule's id; default: the workflow's name"),
            option("--paused", action="store_true", help="it waits for `schedules resume ID`"),
            option("--note", metavar="TEXT", default="", help="why it is as it is"),
            option("--queue", metavar="QUEUE", help="whose workers run it; default: the workspace's"),
        ],
        [
            "schedule nightly --cron '0 2 * * *' --timezone Europe/Paris",
            'schedule poll \'{"feed": "news"}\' --every 15m --overlap buffer_one',
            "schedule report --calendar 'hour=9 day_of_week=mon-fri' --backfill 2026-11-01 2026-11-08",
        ],
    ),
    Subcommand(
        "schedules",
        "see to schedules: list, pause, trigger, delete",
        "Lists the schedules with their next runs; `show`, `pause`, `resume`, `trigger`, `delete` and `backfill` see "
        "to one. Runs that are open go on whatever becomes of their schedule.",
        [
            option(
                "action",
                metavar="ACTION",
                nargs="?",
                default="list",
                choices=("list", "show", "pause", "resume", "trigger", "delete", "backfill"),
                help="list, show, pause, resume, trigger, delete or backfill; default: list",
            ),
            option("id", metavar="ID", nargs="?", help="the schedule's id"),
            option("words", metavar="TIME", nargs="*", help="with backfill: from when and until when"),
            option("--note", metavar="TEXT", default="", help="why it is paused or goes on"),
        ],
        [
            "schedules",
            "schedules pause nightly --note 'until the move is done'",
            "schedules backfill nightly 2026-11-01 2026-11-02",
        ],
    ),
)
