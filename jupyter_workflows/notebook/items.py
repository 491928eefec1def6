"""What goes into a bundle: one item per definition."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..schema import BundledActivity, BundledWorkflow, CellLocation, Diagnostic
from .bindings import Imported
from .cell_log import Definition
from .scopes import FunctionNode, Reference

Role = Literal["workflow", "activity", "helper", "class", "constant"]
ModuleName = Literal["models", "activities", "workflows"]
MODULE_NAMES: tuple[ModuleName, ...] = ("models", "activities", "workflows")


@dataclass(eq=False)
class Item:
    """One definition of the notebook that a workflow needs.

    Attributes:
        names: What it defines.
        source: Its text; the user's own, unless the value itself is written down.
        definition: The statement it comes from; None for a value no statement accounts for.
        function: The function, where it defines one.
        reads: The notebook's names it reads.
        above: The decorator line that makes it a step, where the user wrote none.
        below: The assignment that does so, where the function stands in a block.
        imports: The import lines that these need.
    """

    names: tuple[str, ...]
    role: Role
    source: str
    definition: Definition | None
    live: object = None
    function: FunctionNode | None = None
    reads: list[Reference] = field(default_factory=list[Reference])
    verbatim: bool = True
    above: str = ""
    below: str = ""
    imports: tuple[str, ...] = ()
    rank: int = 0

    @property
    def name(self) -> str:
        """The name it is known by."""
        return self.names[0]

    @property
    def module(self) -> ModuleName:
        """The module of the bundle it goes to."""
        return MODULE_NAMES[self.rank]

    @property
    def node(self) -> ast.stmt | None:
        """The statement's syntax tree."""
        return self.definition.statement.node if self.definition else None

    @property
    def location(self) -> CellLocation | None:
        """Where the function or value is defined."""
        if self.definition is None:
            return None
        line = self.function.lineno if self.function else self.definition.statement.node.lineno
        return self.definition.execution.location(line)


@dataclass(frozen=True)
class ImportedStep:
    """A step that is defined in a module: the worker finds it among the activities by importing it there."""

    module: str
    attribute: str
    live: object


@dataclass(frozen=True)
class CapturedValue:
    """A live value stored on purpose."""

    name: str
    digest: str
    content: bytes


@dataclass(frozen=True)
class LocalModule:
    """A module next to the notebook: its path below `modules/` and its source, imports rewritten."""

    name: str
    path: str
    source: str


@dataclass(frozen=True)
class Closure:
    """All that some workflows need outside the notebook.

    Attributes:
        items: The definitions, dependencies first.
        imports: The imports that items read, by name.
        exports: Notebook name of each workflow to the name of its Temporal class.
        warnings: What the user should know, though it can be bundled.
    """

    items: tuple[Item, ...]
    imports: Mapping[str, Imported]
    workflows: tuple[BundledWorkflow, ...]
    activities: tuple[BundledActivity, ...]
    exports: Mapping[str, str]
    imported_steps: tuple[ImportedStep, ...] = ()
    local_modules: tuple[LocalModule, ...] = ()
    captured: tuple[CapturedValue, ...] = ()
    distributions: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: tuple[Diagnostic, ...] = ()
    postponed: bool = False
    directory: Path | None = None
