"""The target `mistral`: a package that runs under Mistral's SDK, `mistralai-workflows`, and needs nothing of ours.

The user's functions stay as they are. Modules of the package give them the names they import from us, and below each
workflow stands a class of the SDK that carries it out. What the SDK has no option for is code of those modules, and
what it can't give at all is refused, with every reason and its place at once.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from ..authoring import Activity, RetryPolicy, Workflow
from ..authoring.bundles import LoadedBundle
from ..errors import ExportFailed
from ..notebook.bundle import content_files
from ..worker import load_bundle
from . import rendering
from .ours import Code, Edit, edit_of, edited, edits_of_ours
from .plain import children, places_in, refused_names, tables
from .project import Project, one_line
from .requirements import BASE, constraint_lines, normal, required_range

SDK = "mistralai-workflows>=3.16,<4"
GIVEN = frozenset(
    "Approval RateLimit RetryPolicy activity ai.emit ai.stream heartbeat human_approval last_heartbeat sleep timeout "
    "workflow".split()
)
# What the SDK brings in versions of its own choice.
BROUGHT = frozenset({"temporalio", "mistralai", "mistralai-workflows", BASE})
# Names in addresses of Mistral's platform.
RESERVED = frozenset({"executions", "schedules", "definitions", "internal", "webhooks", "archive", "unarchive"})
WORKFLOW_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
RATE_WINDOW = (timedelta(seconds=1), timedelta(hours=1))
RATE_CALLS = 100_000
# The SDK ends a run after an hour where it is told nothing else; ours has no end then.
ENDLESS = timedelta(days=3650)
APPROVAL_OPTIONS = frozenset({"quorum", "four_eyes", "reminders", "escalate"})
MODULES = ("durable", "attempts", "streaming", "approvals")
PASSED = "with _sdk.workflow.unsafe.imports_passed_through():\n    "


class MistralProject(Project):
    """What a package for Mistral's SDK is made of."""

    def files(self) -> dict[str, bytes]:
        """Path to content of all files.

        Raises:
            ExportFailed: The code uses what the SDK can't give; names every use.
        """
        sources = {name: path.read_bytes() for name, path in content_files(self.bundle.path).items()}
        code = Code({n: data.decode() for n, data in sources.items() if n.endswith(".py")}, self.bundle.manifest)
        bundle = load_bundle(self.bundle.path)
        retries = retries_of(bundle, self.functions)
        reasons = [*refused_names(code, GIVEN), *refused_calls(code), *self.refused(bundle), *retries.conflicts]
        if reasons:
            raise ExportFailed("the code can't run under mistralai-workflows: " + "; ".join(reasons))
        inside = f"src/{self.package}"
        files = {f"{inside}/{name}": data for name, data in sources.items() if not name.endswith(".py")}
        for name in code.texts:
            edits = workflow_edits(code, bundle) if name == "workflows.py" else rest_edits(code, name)
            files[f"{inside}/{name}"] = edited(code.texts[name], edits).encode()
        return files | {path: text.encode() for path, text in self.around(inside, retries.literal).items()}

    @property
    def functions(self) -> dict[str, str]:
        """Name of each activity by its function."""
        return {activity.function: activity.name for activity in self.bundle.manifest.activities}

    def refused(self, bundle: LoadedBundle) -> Iterator[str]:
        """What definitions and needs ask for that the SDK does not have."""
        manifest = self.bundle.manifest
        places = places_in(manifest)
        for step in bundle.activities.values():
            yield from (f"{places[step.__name__]}: {reason}" for reason in refused_step(step))
        for flow in bundle.workflows.values():
            yield from (f"{places[flow.__name__]}: {reason}" for reason in refused_flow(flow))
        yield from children(manifest)
        for name, version in self.distributions.items():
            if normal(name) == "mistralai" and int(version.partition(".")[0]) >= 3:
                yield f"it needs mistralai {version}, and the SDK takes one before 3"

    def around(self, inside: str, retry: str) -> dict[str, str]:
        """The files around the code.

        Args:
            inside: The package's directory.
            retry: The retries of steps without their own, as Python.
        """
        others = {normal(name): version for name, version in self.distributions.items()}
        needed = {name: others[name] for name in sorted(others.keys() - BROUGHT)}
        lines = [SDK, *(required_range(name, version) for name, version in needed.items())]
        values = {
            **self.readme_values(),
            "description": rendering.toml(one_line(self.description)),
            "dependencies": "\n".join(f"  {rendering.toml(line)}," for line in lines),
            "retry": retry,
        }
        return {
            "pyproject.toml": rendering.render("mistral/pyproject.toml", values),
            "README.md": rendering.render("mistral/README.md", values),
            "constraints.txt": constraint_lines(needed),
            ".gitignore": rendering.render("gitignore", {}),
            **{f"{inside}/{name}.py": rendering.render(f"mistral/{name}.py", {}) for name in MODULES},
            f"{inside}/failures.py": rendering.render("failures.py", {}),
            f"{inside}/policies.py": rendering.render("mistral/policies.py", values),
            f"{inside}/__main__.py": rendering.render("mistral/main.py", values),
            "tests/conftest.py": rendering.render("mistral/tests/conftest.py", {}),
            "tests/offline.py": rendering.render("mistral/tests/offline.py", values),
            "tests/test_code.py": rendering.render("mistral/tests/test_code.py", values),
            **{f"tests/{name}": text for name, text in self.tests.items()},
        }


class Retries:
    """The retries of steps that have none of their own: the SDK has them with the step, not with the workflow.

    Attributes:
        policies: By the step's name.
        conflicts: Steps whose workflows want different ones.
    """

    def __init__(self) -> None:
        self.policies: dict[str, RetryPolicy] = {}
        self.conflicts: list[str] = []

    @property
    def literal(self) -> str:
        """The inside of a Python dictionary."""
        items = sorted((name, policy) for name, policy in self.policies.items() if policy != RetryPolicy())
        return "".join(f"\n    {rendering.python(name)}: {policy_literal(policy)}," for name, policy in items) + (
            "\n" if items else ""
        )


def retries_of(bundle: LoadedBundle, functions: Mapping[str, str]) -> Retries:
    """The retries that each step of a bundle takes over.

    Args:
        bundle: The loaded bundle.
        functions: Name of each activity by its function.
    """
    found = Retries()
    owners: dict[str, str] = {}
    flows, places = {flow.__name__: flow for flow in bundle.workflows.values()}, places_in(bundle.manifest)
    for workflow in bundle.manifest.workflows:
        policy = flows[workflow.function].retry or RetryPolicy()
        for function in workflow.activities:
            name = functions.get(function)
            if name is None or bundle.activities[name].options.retry is not None:
                continue
            if found.policies.setdefault(name, policy) != policy:
                found.conflicts.append(
                    f"{places[function]}: {name} takes over the retries of {owners[name]} and of {workflow.name}, "
                    "which differ, and the SDK has one policy for each step: give it retry= of its own"
                )
            owners.setdefault(name, workflow.name)
    return found


def policy_literal(policy: RetryPolicy) -> str:
    """The options of a policy as a Python dictionary."""
    longest = f"timedelta(seconds={policy.max_interval.total_seconds()!r})" if policy.max_interval else "None"
    fields = {
        "max_attempts": repr(policy.max_attempts),
        "initial_interval": f"timedelta(seconds={policy.initial_interval.total_seconds()!r})",
        "backoff_coefficient": repr(policy.backoff_coefficient),
        "max_interval": longest,
        "non_retryable": repr([kind.__name__ for kind in policy.non_retryable]),
    }
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def refused_calls(code: Code) -> Iterator[str]:
    """Questions that one answer does not settle."""
    for file, call in code.calls("human_approval"):
        for keyword in call.keywords:
            if keyword.arg in APPROVAL_OPTIONS or keyword.arg is None:
                what = f"{keyword.arg}=" if keyword.arg else "options by **"
                yield f"{code.place(file, call)} asks with {what}, and the SDK's input is one answer of anybody"


def refused_step(step: Activity[Any, Any]) -> Iterator[str]:
    """What the SDK has no option for, in a step."""
    options = step.options
    given = {"check": options.check, "compensate": options.compensate, "irreversible": options.irreversible}
    yield from (f"{step.name} has {option}=" for option, value in given.items() if value)
    yield from refused_signature(step)
    limit = options.rate_limit
    if limit is not None:
        low, high = RATE_WINDOW
        if not low <= limit.per <= high or limit.per % low:
            yield f"{step.name} has a rate limit per {limit.per}, and the SDK takes whole seconds up to an hour"
        if limit.calls > RATE_CALLS:
            yield f"{step.name} has a rate limit of {limit.calls} calls, and the SDK takes up to {RATE_CALLS}"
    if step.name.startswith("__internal__"):
        yield f"{step.name} begins with __internal__, which the SDK keeps for itself"


def refused_flow(flow: Workflow[Any, Any]) -> Iterator[str]:
    """What the SDK has no option for, in a workflow."""
    yield from (f"{flow.name} has {option}=" for option in ("budget", "partial") if getattr(flow, option))
    yield from refused_signature(flow)
    if not WORKFLOW_NAME.fullmatch(flow.name) or flow.name in RESERVED:
        yield (
            f"{flow.name!r} is no name of a workflow there: it takes letters, digits, hyphens and underscores, and "
            f"none of {', '.join(sorted(RESERVED))}"
        )


def refused_signature(definition: Activity[Any, Any] | Workflow[Any, Any]) -> Iterator[str]:
    """What the SDK can't call, and values that its JSON can't be."""
    for parameter in definition.signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            yield f"{definition.name} takes {stars}{parameter.name}, and the SDK names each parameter"
    tabular = list(tables(definition))
    yield from tabular
    if tabular:
        return
    for name, hint in definition.hints.items():
        what = "gives" if name == "return" else f"takes {name},"
        if mixes_models(hint):
            yield f"{definition.name} {what} a pydantic model or something else, which the SDK can't tell apart"
            continue
        try:
            TypeAdapter(hint).json_schema()
        except Exception:  # noqa: BLE001 - pydantic and the type's own hooks raise what they like
            yield f"{definition.name} {what} {inspect.formatannotation(hint)}, which has no JSON schema"


def mixes_models(hint: Any) -> bool:
    """Whether a type is a union of models with others than None."""
    if get_origin(hint) not in (Union, UnionType):
        return False
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return bool(models) and len(models) < len(kinds)


def rest_edits(code: Code, file: str) -> Iterator[Edit]:
    """What is replaced in a module without workflows."""
    return edits_of_ours(code.trees[file], "." * (file.count("/") + 1))


def workflow_edits(code: Code, bundle: LoadedBundle) -> Iterator[Edit]:
    """What is replaced in the module with the workflows.

    Its imports are passed through the SDK's sandbox, as our worker does it; those of Python's own library stay guarded.
    Where our class was made stands one of the SDK.
    """
    tree = code.trees["workflows.py"]
    ours = {edit.start: edit for edit in edits_of_ours(tree, ".")}
    functions = {node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    flows = {flow.__name__: flow for flow in bundle.workflows.values()}
    before: ast.stmt | None = None
    head = "import mistralai.workflows as _sdk\n\n" + PASSED + "from . import durable as _durable\n    "
    for node in tree.body:
        if is_passed(node):
            edit = ours.pop((node.lineno, node.col_offset), None)
            indent = "    " if is_passed(before) else head
            yield edit_of(node, indent + (edit.text if edit else ast.unparse(node)))
            head = PASSED
        elif (made := made_class(node)) is not None:
            class_name, function = made
            apart = "\n\n" if before is not None and made_class(before) else ""
            yield edit_of(node, apart + sdk_class(class_name, functions[function], flows[function]))
        before = node
    yield from ours.values()


def is_passed(node: ast.stmt | None) -> bool:
    """Whether a statement imports what is taken as it is: anything but modules of Python's own library."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, ast.ImportFrom) and node.level:
        return True
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(name.partition(".")[0] not in sys.stdlib_module_names for name in names)


def made_class(node: ast.stmt) -> tuple[str, str] | None:
    """The class and the function of `Name = function.definition("Name", __name__)`."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return None
    made = node.value.func
    target = node.targets[0]
    if isinstance(made, ast.Attribute) and made.attr == "definition" and isinstance(made.value, ast.Name):
        return (target.id, made.value.id) if isinstance(target, ast.Name) else None
    return None


def sdk_class(name: str, function: ast.AsyncFunctionDef, flow: Workflow[Any, Any]) -> str:
    """The class of the SDK that carries out a workflow."""
    seconds = (flow.timeout or ENDLESS).total_seconds()
    options = [f"name={rendering.python(flow.name)}"]
    if flow.description:
        options.append(f"workflow_description={rendering.python(flow.description)}")
    options.append(f"execution_timeout=_durable.timedelta(seconds={seconds!r})")
    returned = ast.unparse(function.returns) if function.returns else "_durable.Any"
    lines = [
        "@_sdk.workflow.define(",
        *(f"    {option}," for option in options),
        ")",
        f"class {name}(_sdk.InteractiveWorkflow):",
        "    @_sdk.workflow.entrypoint",
        f"    async def run({', '.join(['self', *parameters(function.args)])}) -> {returned}:",
        f"        return await _durable.carried_out({', '.join([function.name, *passed(function.args)])})",
    ]
    return "\n".join(lines)


def parameters(arguments: ast.arguments) -> list[str]:
    """Parameters as the SDK takes them, each by its name; those with a default come last."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = [
        *zip(plain, [*defaults, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    written = [
        (
            default is not None,
            f"{one.arg}: {ast.unparse(one.annotation) if one.annotation else '_durable.Any'}"
            + (f" = {ast.unparse(default)}" if default is not None else ""),
        )
        for one, default in pairs
    ]
    return [text for _, text in sorted(written, key=lambda pair: pair[0])]


def passed(arguments: ast.arguments) -> list[str]:
    """How they are handed to the function."""
    named = [*arguments.args, *arguments.kwonlyargs]
    return [*(one.arg for one in arguments.posonlyargs), *(f"{one.arg}={one.arg}" for one in named)]
