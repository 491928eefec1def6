"""The subcommands of `%workflow` and `jupyter workflows`: words, arguments, help, examples."""

from __future__ import annotations

from typing import get_args

from ..schema import RunStatus
from .options import WORKFLOW, Subcommand, option
from .sharing_subcommands import SHARING

RUN = option("run", metavar="RUN", help="the run's id, as `runs` lists it", candidates="runs")
OPEN_RUN = option("run", metavar="RUN", help="the run's id, as `runs` lists it", candidates="open runs")
APPROVAL = option(
    "approval", metavar="APPROVAL", nargs="?", help="its id; not needed when one is open", candidates="approvals"
)
COMMENT = option("--comment", metavar="TEXT", help="what you say to it")
REVIEWER = option("--reviewer", metavar="NAME", help="who decides; default: the local user")
START = (
    WORKFLOW,
    option("arguments", metavar="JSON", nargs="?", help="the arguments; default: none"),
    option("--id", metavar="ID", help="the run's id; default: a new one"),
    option(
        "--if-exists",
        choices=("raise", "attach", "restart"),
        default="raise",
        help="what to do when the id is taken; default: raise",
    ),
)
DECISION = (
    OPEN_RUN,
    APPROVAL,
    COMMENT,
    REVIEWER,
    option("--form", metavar="JSON", help="the form filled in, as a JSON object"),
    option("--value", metavar="JSON", help="the editable value as you changed it, as JSON"),
)

SUBCOMMANDS = (
    Subcommand(
        "up",
        "start the embedded runtime",
        "Starts the Temporal server of this home and its supervisor, where they are not up, and says where they are.",
        [option("--recover", action="store_true", help="move a damaged database aside and begin with an empty one")],
        ["up"],
    ),
    Subcommand(
        "down",
        "end the embedded runtime",
        "Ends the server and all worker hosts of this home. Nothing is lost: open runs go on after the next `up`.",
        examples=["down"],
    ),
    Subcommand(
        "status",
        "what is up: server, worker hosts, open runs",
        "Says which Temporal server is in use and whether it answers, which worker hosts serve which bundles, and how "
        "many runs and approvals are open. Starts nothing.",
        examples=["status", "status --json"],
    ),
    Subcommand(
        "workspace",
        "who may do what here",
        "Shows the workspace of the connection's namespace: who has which role in it, what you are, and what its file "
        "says of encryption and retention. `apply` has Temporal keep closed runs as long as the file says, which takes "
        "an admin.",
        [option("action", metavar="ACTION", nargs="?", choices=["apply"], help="apply")],
        ["workspace", "workspace --json", "workspace apply"],
    ),
    Subcommand(
        "keys",
        "the keys that decisions are signed with",
        "Lists the public keys whose decisions the workers of this home take, and for whom each may speak. `rotate` "
        "makes you a new key and retires the one before; `export` prints your public key as a JSON Web Key Set that "
        "speaks for you alone, for a worker elsewhere. Private keys are never shown.",
        [option("action", metavar="ACTION", nargs="?", choices=["rotate", "export"], help="rotate or export")],
        ["keys", "keys rotate", "keys export"],
    ),
    Subcommand(
        "encryption",
        "whether values are encrypted, and with which keys",
        "Says whether the values of runs are encrypted before they leave a kernel or worker. `on` makes a key and "
        "turns it on for everything in this home; `rotate` makes a new key the current one, and what older keys "
        "encrypted still opens; `add NAME --runs PATTERN` makes a key for the runs of one person or purpose; `destroy "
        "NAME` lists the runs that only this key opens, and with --yes destroys it, which erases their values for "
        "ever; `rewrap` wraps the keys in the file with JUPYTER_WORKFLOWS_NEW_WRAPPING_KEY instead "
        "of JUPYTER_WORKFLOWS_WRAPPING_KEY. Keys are never shown.",
        [
            option(
                "action",
                metavar="ACTION",
                nargs="?",
                choices=["on", "rotate", "add", "destroy", "rewrap"],
                help="on, rotate, add, destroy or rewrap",
            ),
            option("name", metavar="NAME", nargs="?", help="the key that is added or destroyed"),
            option("--runs", metavar="PATTERN", help="for add: the ids of the runs it is for, such as 'patient-17-*'"),
            option("--yes", action="store_true", help="for destroy: do it; without, it is only listed"),
            option(
                "--source",
                metavar="SOURCE",
                default="file",
                help="where the keys are to be: file, keyring (the system's), or MODULE:FUNCTION; default: file",
            ),
        ],
        [
            "encryption",
            "encryption on",
            "encryption on --source keyring",
            "encryption rotate",
            "encryption destroy patient-17",
        ],
    ),
    Subcommand(
        "start",
        "start a run of a workflow",
        "Starts a run: in a notebook of the workflow as its cells were last run, in a terminal of the newest bundle "
        "that holds it. The arguments are a JSON object of names and values, a JSON list, or one plain JSON value.",
        [
            *START,
            option(
                "--queue",
                metavar="QUEUE",
                help="whose workers run it, as `worker` names them; default: the workspace's",
            ),
        ],
        ['start review \'{"contract_id": "C-17"}\'', "start nightly --id nightly-2026-11-22 --if-exists attach"],
    ),
    Subcommand(
        "runs",
        "list runs, newest first",
        "Lists the runs that fit all of the filters.",
        [
            option("--workflow", metavar="NAME", help="only runs of this workflow", candidates="workflows"),
            option(
                "--status",
                metavar="STATUS",
                action="append",
                choices=get_args(RunStatus),
                help=f"only runs in this state, more than one may be given: {', '.join(get_args(RunStatus))}",
            ),
            option("--since", metavar="TIME", help="only runs started since: 30m, 2h, 3d, or an ISO 8601 time (UTC)"),
            option("--notebook", metavar="PATH", help="only runs started from this notebook", candidates="paths"),
            option("--limit", metavar="N", type=int, default=30, help="at most so many; default: 30"),
        ],
        ["runs", "runs --status failed --since 2d", "runs --workflow review --json"],
    ),
    Subcommand(
        "dashboard",
        "how runs do: failures, recovery, durations, approvals",
        "Says what failed and why, whether it recovered, what was slow, and who waits for whom, over the runs that fit "
        "all of the filters.",
        [
            option("--workflow", metavar="NAME", help="only runs of this workflow", candidates="workflows"),
            option(
                "--status",
                metavar="STATUS",
                action="append",
                choices=get_args(RunStatus),
                help=f"only runs in this state, more than one may be given: {', '.join(get_args(RunStatus))}",
            ),
            option(
                "--since",
                metavar="TIME",
                default="7d",
                help="only runs started since: 2h, 30d, an ISO 8601 time (UTC), or `all`; default: 7d",
            ),
            option("--notebook", metavar="PATH", help="only runs started from this notebook", candidates="paths"),
            option(
                "--target",
                metavar="RATE",
                type=float,
                default=0.95,
                help="the recovery rate that is aimed at, 0 to 1; default: 0.95",
            ),
            option("--csv", metavar="DIR", help="write all tables as CSV files into it", candidates="paths"),
            option("--html", metavar="FILE", help="write it as one HTML file without script", candidates="paths"),
            option("--png", metavar="FILE", help="write it as a picture", candidates="paths"),
        ],
        ["dashboard", "dashboard --since 30d --workflow review", "dashboard --json", "dashboard --html monday.html"],
    ),
    Subcommand(
        "show",
        "one run with its steps",
        "Shows a run: its steps, attempts, approvals, result or failure.",
        [RUN, option("--follow", "-f", action="store_true", help="go on until the run ends")],
        ["show review-1f2e3d4c", "show review-1f2e3d4c --follow"],
    ),
    Subcommand(
        "inbox",
        "the approvals that wait",
        "Lists the approvals that wait for a decision, the longest waiting first.",
        [
            option("--assignee", metavar="NAME", help="only those this person may decide"),
            option("--limit", metavar="N", type=int, default=100, help="at most so many; default: 100"),
        ],
        ["inbox", "inbox --assignee legal@company.com"],
    ),
    Subcommand(
        "approve",
        "approve what a run asks",
        "Approves an open approval. The decision is signed with your key; of several reviewers the first wins.",
        DECISION,
        [
            "approve review-1f2e3d4c --comment 'fine by me'",
            "approve review-1f2e3d4c human_approval-2 --value '{\"risk\": 2}'",
        ],
    ),
    Subcommand(
        "reject",
        "reject what a run asks",
        "Rejects an open approval. The decision is signed with your key; of several reviewers the first wins.",
        DECISION,
        ["reject review-1f2e3d4c --comment 'clause 7 is missing'"],
    ),
    Subcommand(
        "delegate",
        "let another person decide",
        "Hands an open approval over: another person is asked instead of the one who hands it over.",
        [OPEN_RUN, APPROVAL, option("to", metavar="TO", help="who is to decide instead"), COMMENT, REVIEWER],
        ["delegate review-1f2e3d4c bob@company.com --comment 'on leave'"],
    ),
    Subcommand(
        "ask",
        "ask the author of a run about an approval",
        "Asks whoever started the run something about an open approval. It decides nothing, and the clock runs on.",
        [OPEN_RUN, APPROVAL, option("text", metavar="TEXT", help="the question"), REVIEWER],
        ["ask review-1f2e3d4c 'Is the cap in euro?'"],
    ),
    Subcommand(
        "answer",
        "answer a reviewer's question",
        "Answers what a reviewer asked about an open approval.",
        [
            OPEN_RUN,
            APPROVAL,
            option("text", metavar="TEXT", help="the answer"),
            option("--question", metavar="N", type=int, help="its number; not needed when one waits"),
            option("--by", metavar="NAME", dest="reviewer", help="who answers; default: the local user"),
        ],
        ["answer review-1f2e3d4c 'Yes, in euro.'"],
    ),
    Subcommand(
        "cancel",
        "ask a run to end",
        "Asks a run to end itself, its open steps first. Its code may clean up.",
        [OPEN_RUN],
        ["cancel review-1f2e3d4c"],
    ),
    Subcommand(
        "terminate",
        "end a run at once",
        "Ends a run at once; its code gets no chance to clean up.",
        [OPEN_RUN, option("--reason", metavar="TEXT", default="", help="stands in the history")],
        ["terminate review-1f2e3d4c --reason 'started by mistake'"],
    ),
    Subcommand(
        "resume",
        "go on with corrected code",
        "Goes on with the code as it is now: of the notebook's cells, else of the newest bundle. Says what is kept, "
        "what runs again and what happens twice; with --plan it does no more than that.",
        [
            RUN,
            option("--from", dest="from_step", metavar="STEP", help="the step to run again; by default what failed"),
            option("--plan", action="store_true", help="only say what would happen"),
        ],
        ["resume review-1f2e3d4c --plan", "resume review-1f2e3d4c --from summarise-2"],
    ),
    Subcommand(
        "fork",
        "run another branch beside a run",
        "Starts another run that keeps what a run has done and does the rest otherwise: with the code as it is now, "
        "with other arguments or, in a notebook, with other constants. The run itself is left as it is. Says what is "
        "kept and what runs; with --plan it does no more than that.",
        [
            RUN,
            option("changes", metavar="JSON", nargs="?", help="other arguments or constants, as a JSON object"),
            option("--from", dest="from_step", metavar="STEP", help="the step to run again; by default what differs"),
            option("--results", metavar="JSON", help="values in the place of recorded results: an object by step"),
            option("--plan", action="store_true", help="only say what would happen"),
        ],
        ["fork review-1f2e3d4c --from summarise-2", 'fork review-1f2e3d4c \'{"model": "small"}\' --plan'],
    ),
    Subcommand(
        "compare",
        "put two runs side by side",
        "Says what two runs differ in: their steps and outputs, what they took, cost and came to. Exits with 1 where "
        "they came to something else.",
        [RUN, option("other", metavar="RUN", help="the run to compare it with", candidates="runs")],
        ["compare review-1f2e3d4c review-1f2e3d4c/fork:5a6b7c8d"],
    ),
    Subcommand(
        "rollback",
        "undo what a run did",
        "Lists what the steps of a run did: what is undone, what can be, what can't. With --yes it is undone, the last "
        "first: an open run is cancelled and undoes itself, one that has ended is undone by a run of its own.",
        [
            RUN,
            option("--yes", action="store_true", help="undo it; without, it is only listed"),
            option("--reason", metavar="TEXT", default="", help="stands on record"),
        ],
        ["rollback trip-1f2e3d4c", "rollback trip-1f2e3d4c --yes --reason 'wrong dates'"],
    ),
    Subcommand(
        "signal",
        "send a run a signal",
        "Sends a run a signal, for `wait_for_signal(NAME)` in its code.",
        [
            OPEN_RUN,
            option("name", metavar="NAME", help="the signal's name"),
            option("value", metavar="JSON", nargs="?", help="what it carries; default: nothing"),
        ],
        ["signal review-1f2e3d4c new_document '\"contract-18.pdf\"'"],
    ),
    Subcommand(
        "query",
        "read a value of a run",
        "Reads the value that the run's code last set by `set_query_value(NAME, ...)`; needs its worker.",
        [RUN, option("name", metavar="NAME", help="the value's name")],
        ["query review-1f2e3d4c progress"],
    ),
    Subcommand(
        "replay",
        "does the code agree with what runs did?",
        "Runs the current code over recorded histories and says whether both agree, or at which cell and line they "
        "part. In a notebook the code are the cells as they were last run, in a terminal the newest bundle that holds "
        "the workflow. No step runs and no run is touched. Exit status 1 where the code does not agree with all.",
        [
            option(
                "source",
                metavar="SOURCE",
                help="a run's id, a file with a history (`history` writes one, so do Temporal's CLI and Web UI), or a "
                "folder of such files",
                candidates="runs",
            )
        ],
        ["replay review-1f2e3d4c", "replay histories/", "replay production.json --json"],
    ),
    Subcommand(
        "history",
        "write a run's history to a file",
        "Writes the history of a run as JSON, for `replay` here and elsewhere. Large values, of which history has "
        "references only, are put into it.",
        [
            RUN,
            option(
                "path",
                metavar="PATH",
                nargs="?",
                help="the file, or a folder for it; compressed where the name ends in .gz; default: RUN.json here",
                candidates="paths",
            ),
            option(
                "--impersonal",
                action="store_true",
                help="leave out names of machines and processes, stack traces and signatures",
            ),
        ],
        ["history review-1f2e3d4c", "history review-1f2e3d4c histories/ --impersonal"],
    ),
    Subcommand(
        "audit",
        "write who did what in a run as a signed file; check one",
        "Writes what a run did and who decided as one file: decisions with what was shown, steps with their attempts, "
        "model calls, the code and its packages, what it cost; chained by hashes and signed with your key. "
        "`audit verify FILE` says whether a file is as it was signed, by whom, and else where it was changed; it needs "
        "no server. Exit status 1 where it is not, or the key that signed it is not known here.",
        [
            option("target", metavar="RUN", help="the run's id, as `runs` lists it; or `verify`", candidates="runs"),
            option(
                "path",
                metavar="PATH",
                nargs="?",
                help="the file; default when one is written: RUN.audit.jsonl here",
                candidates="paths",
            ),
            option("--html", metavar="FILE", help="also write a report to read and print", candidates="paths"),
            option(
                "--values",
                choices=("full", "hashes"),
                default="full",
                help="what steps and models were given and gave: in full, or as SHA-256; default: full",
            ),
            option(
                "--key",
                metavar="FINGERPRINT",
                action="append",
                default=[],
                help="for verify: a key to trust, by its SHA-256 in hex; more than one may be given",
            ),
        ],
        [
            "audit review-1f2e3d4c review.audit.jsonl --html review.html",
            "audit review-1f2e3d4c --values hashes",
            "audit verify review.audit.jsonl",
        ],
    ),
    Subcommand(
        "durable",
        "the record of a notebook's durable cells",
        "Lists the durable cells of this notebook with what is recorded of them. `forget` drops the records of "
        "cells, so that they run again; `restart` drops all; `take-over` lets this kernel record cells where another "
        "one did before; `adopt` takes over the record of the path that a renamed or copied notebook had before.",
        [
            option(
                "action",
                metavar="ACTION",
                nargs="?",
                choices=("list", "forget", "restart", "take-over", "adopt"),
                default="list",
                help="list, forget, restart, take-over or adopt; default: list",
            ),
            option("words", metavar="CELL", nargs="*", help="cells to forget, or `all`; the path or run to adopt"),
            option(
                "--notebook", metavar="PATH", help="the notebook's path; default: this notebook", candidates="paths"
            ),
        ],
        ["durable", "durable forget train", "durable adopt old_name.ipynb"],
    ),
    Subcommand(
        "bundle",
        "where the code of a workflow is",
        "Says where the bundle of a workflow is: the package its runs execute. In a notebook the cells are bundled as "
        "they were last run; in a terminal it is the newest bundle that holds the workflow.",
        [WORKFLOW],
        ["bundle review"],
    ),
    Subcommand(
        "lint",
        "what keeps a workflow in the notebook",
        "Checks whether a workflow can run outside the notebook, and lists all problems and warnings. In a terminal: "
        "the warnings of its newest bundle.",
        [WORKFLOW],
        ["lint review"],
    ),
    Subcommand(
        "export",
        "write workflows as a package",
        "Writes workflows as a package that others install, run and test: the code as it ran here, byte for byte, with "
        "a worker, a command line, tests from recorded runs, a Dockerfile and a Helm chart. Exporting again renews the "
        "package in place and keeps what was changed by hand; exit status 1 where both were.",
        [
            option("names", metavar="NAME", nargs="+", help="the workflow's name, or several", candidates="workflows"),
            option("path", metavar="PATH", help="the package's directory", candidates="paths"),
            option("--package", metavar="PACKAGE", help="the package's name; default: made from the workflow's"),
            option(
                "--target",
                metavar="TARGET",
                choices=("temporal", "temporal-plain", "mistral"),
                default="temporal",
                help="temporal; or temporal-plain: needs Temporal's SDK and nothing of this package; or mistral: runs "
                "under mistralai-workflows; default: temporal",
            ),
            option(
                "--runs",
                metavar="N",
                type=int,
                default=3,
                help="at most so many recorded runs of each workflow go with it, with what they were given; default: 3",
            ),
            option(
                "--no-prove",
                action="store_true",
                help="don't install it in a clean environment to replay the recorded runs there",
            ),
            option(
                "--safe",
                metavar="ACTIVITY",
                action="append",
                help="an activity that may run again for the proof, or `all`; more than one may be given",
            ),
        ],
        [
            "export review contract-review/",
            "export review audit reviews/ --package contract-reviews",
            "export review contract-review/ --safe all",
        ],
    ),
    Subcommand(
        "deployments",
        "the workers of exported packages and their versions",
        "Lists the deployments that serve exported packages; of one its versions: which one new runs start on, and how "
        "many runs are open on each. Open runs stay on the version they started on. A version that is drained and has "
        "no open runs is no longer needed.",
        [
            option("name", metavar="DEPLOYMENT", nargs="?", help="its name: that of the package; default: list them"),
            option("--promote", metavar="VERSION", help="let new runs start on this version"),
            option("--ramp", metavar="PERCENT", type=float, help="with --promote: only this share of them, 0 to 100"),
            option("--roll-back", action="store_true", help="end a ramp, else go back to the version before"),
            option("--force", action="store_true", help="even if no worker of the version asks for work"),
        ],
        [
            "deployments",
            "deployments contract-review",
            "deployments contract-review --promote 0123456789abcdef --ramp 10",
            "deployments contract-review --roll-back",
        ],
    ),
    Subcommand(
        "worker",
        "serve a bundle until interrupted",
        "Serves the runs of one bundle on the configured Temporal server, in this process. The embedded runtime has "
        "workers of its own; this is for a server of yours.",
        [
            option("path", metavar="PATH", help="the bundle's directory", candidates="paths"),
            option("--queue", metavar="QUEUE", help="the task queue, such as a workspace's; default: the bundle's own"),
        ],
        ["worker ~/bundles/jw_0123456789abcdef", "worker ~/bundles/jw_0123456789abcdef --queue research"],
    ),
    *SHARING,
)
