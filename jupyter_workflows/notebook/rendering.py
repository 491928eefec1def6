"""The text of a bundle's modules, and which lines of them came from which cell."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..schema import Segment
from .bindings import Imported
from .captured import LOADER
from .items import MODULE_NAMES, Closure, ImportedStep, Item, ModuleName
from .local_modules import FOLDER, LocalModules, Rewriting
from .syntax import imports

HEADINGS: dict[ModuleName, str] = {
    "models": '"""Classes, constants, and what workflows and activities share."""',
    "activities": '"""The durable steps: each function runs in a worker process, once per attempt."""',
    "workflows": '"""The workflows: deterministic code that Temporal replays."""',
}
PACKAGE_HEADING = '"""A notebook\'s workflow as a package."""\n'
FOLDER_HEADING = '"""The modules that stood next to the notebook."""\n'


@dataclass
class ModuleText:
    """A module as it grows."""

    lines: list[str] = field(default_factory=list[str])
    segments: list[Segment] = field(default_factory=list[Segment])

    def add(self, text: str) -> None:
        """Adds text as lines."""
        self.lines.extend(text.split("\n"))

    @property
    def text(self) -> str:
        """The whole module."""
        return "\n".join(self.lines).rstrip("\n") + "\n"


def render(closure: Closure, modules: LocalModules) -> tuple[dict[str, str], list[Segment]]:
    """Path to text of each Python file of the bundle, and the segments of the three modules."""
    files = {"__init__.py": PACKAGE_HEADING}
    segments: list[Segment] = []
    for name in MODULE_NAMES:
        module = render_module(closure, name, modules)
        files[f"{name}.py"] = module.text
        segments.extend(module.segments)
    if closure.captured:
        files["captured/__init__.py"] = LOADER
    if closure.local_modules:
        files[f"{FOLDER}/__init__.py"] = FOLDER_HEADING
        files.update({f"{FOLDER}/{module.path}": module.source for module in closure.local_modules})
    return files, segments


def render_module(closure: Closure, name: ModuleName, modules: LocalModules) -> ModuleText:
    """One of the three modules."""
    items = [item for item in closure.items if item.module == name]
    module = ModuleText()
    module.add(HEADINGS[name])
    head = import_block(closure, items, name, modules)
    if head:
        module.add("")
        module.add(head)
    for item in items:
        compact = item.role == "constant" and bool(module.segments) and is_short(module, item)
        module.add("" if compact else "\n")
        add_item(module, item, name, modules)
    exports = [
        f'{class_name} = {function}.definition("{class_name}", __name__)'
        for function, class_name in closure.exports.items()
        if name == "workflows"
    ]
    if exports:
        module.add("\n")
        module.add("\n".join(exports))
    return module


def is_short(module: ModuleText, item: Item) -> bool:
    """Whether a constant can follow the line above without blank lines between."""
    return "\n" not in item.source and bool(module.lines) and re.match(r"[A-Za-z_]\w* = ", module.lines[-1]) is not None


def add_item(module: ModuleText, item: Item, name: ModuleName, modules: LocalModules) -> None:
    """Adds a definition and notes where it came from."""
    definition = item.definition
    if definition and item.verbatim and definition.statement.comment:
        module.add(definition.statement.comment)
    if item.above:
        module.add(item.above)
    start = len(module.lines) + 1
    module.add(relative_imports(item, modules))
    if definition:
        for defined in item.names:
            module.segments.append(
                Segment(
                    module=name,
                    name=defined,
                    start_line=start,
                    end_line=len(module.lines),
                    cell_id=definition.execution.cell.id,
                    cell_number=definition.execution.cell.number,
                    cell_line=definition.statement.start_line,
                )
            )
    if item.below:
        module.add(item.below)


def relative_imports(item: Item, modules: LocalModules) -> str:
    """A definition's text; imports of local modules inside it are made relative."""
    node = item.node
    if not item.verbatim or node is None or not imports(node):
        return item.source
    return Rewriting(modules.find, f".{FOLDER}").apply(item.source, ast.parse(item.source))


def import_block(closure: Closure, items: list[Item], name: ModuleName, modules: LocalModules) -> str:
    """All imports of a module: of libraries, of local modules, of the bundle's other modules."""
    owners = {defined: item for item in closure.items for defined in item.names}
    read = {reference.name: reference.chain for item in items for reference in item.reads}
    chains = {reference.chain for item in items for reference in item.reads}
    lines: set[str] = set()
    for wanted in read:
        if wanted in closure.imports and wanted not in owners:
            lines.update(import_lines(closure.imports[wanted], chains, modules))
    lines.update(line for item in items for line in item.imports)
    if name == "activities":
        lines.update(line for step in closure.imported_steps for line in step_import(step, owners, modules))
    if any("jupyter_workflows." in item.above for item in items):
        lines.add("import jupyter_workflows")
    if any(item.source.startswith(f"{item.name} = load_captured(") for item in items):
        lines.add("from .captured import load as load_captured")
    own = {defined for item in items for defined in item.names}
    for wanted in read:
        owner = owners.get(wanted)
        if owner and owner.module != name and wanted not in own:
            lines.add(f"from .{owner.module} import {wanted}")
    future = ["from __future__ import annotations"] if closure.postponed and items else []
    return "\n\n".join(["\n".join(group) for group in [future, *grouped(merged(lines))] if group])


def import_lines(binding: Imported, chains: Iterable[str], modules: LocalModules) -> list[str]:
    """The statements that bind a name as the notebook did."""
    root = binding.module.partition(".")[0]
    if modules.find(root):
        return Rewriting(modules.find, f".{FOLDER}").apply_binding(binding, chains)
    if binding.attribute:
        renamed = f" as {binding.name}" if binding.name != binding.attribute else ""
        return [f"from {binding.module} import {binding.attribute}{renamed}"]
    if not binding.bound_root:
        bare = binding.name == binding.module
        return [f"import {binding.module}" if bare else f"import {binding.module} as {binding.name}"]
    return [f"import {module}" for module in loaded_modules(binding, chains)]


def step_import(step: ImportedStep, taken: Mapping[str, Item], modules: LocalModules) -> list[str]:
    """The import of a step that is defined in a module."""
    name = step.attribute if step.attribute not in taken else f"{step.module.replace('.', '_')}_{step.attribute}"
    return import_lines(Imported(name, step.module, step.attribute), (), modules)


def loaded_modules(binding: Imported, chains: Iterable[str]) -> list[str]:
    """The submodules that are read by attribute; the root package where none is."""
    own = [chain for chain in chains if chain == binding.name or chain.startswith(f"{binding.name}.")]
    used = [sub for sub in binding.submodules if any(f"{chain}.".startswith(f"{sub}.") for chain in own)]
    return used or [binding.name]


def merged(lines: Iterable[str]) -> list[str]:
    """Sorted import lines, those from one module in one line."""
    names: dict[str, set[str]] = {}
    plain: set[str] = set()
    for line in lines:
        if line.startswith("from "):
            module, _, imported = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, set()).add(imported)
        else:
            plain.add(line)
    froms = [from_line(module, sorted(imported)) for module, imported in names.items()]
    return [*sorted(plain), *sorted(froms, key=import_key)]


def import_key(line: str) -> tuple[str, str]:
    """Sorts `from` lines by module."""
    module, _, imported = line.removeprefix("from ").partition(" import ")
    return module, imported


def from_line(module: str, imported: list[str]) -> str:
    """One `from` statement, broken when it is long."""
    line = f"from {module} import {', '.join(imported)}"
    if len(line) <= 100:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in imported) + ")"


def grouped(lines: list[str]) -> list[list[str]]:
    """Import lines as Python's own, other libraries', the bundle's."""
    groups: list[list[str]] = [[], [], []]
    for line in lines:
        module = line.split()[1]
        own = module.startswith(".")
        groups[2 if own else 0 if module.partition(".")[0] in sys.stdlib_module_names else 1].append(line)
    return groups


def class_names(functions: Iterable[str], taken: set[str]) -> Mapping[str, str]:
    """A CamelCase name for each workflow's Temporal class, none of them taken."""
    found: dict[str, str] = {}
    for function in functions:
        camel = "".join(part[:1].upper() + part[1:] for part in function.split("_") if part) or "Workflow"
        name = camel if not camel[0].isdigit() else f"Workflow{camel}"
        while name in taken or name == function:
            name += "Workflow"
        taken.add(name)
        found[function] = name
    return found
