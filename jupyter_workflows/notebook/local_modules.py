"""Modules next to the notebook: copied into the bundle, their imports of each other made relative."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .bindings import Imported
from .distributions import distributions_of
from .items import LocalModule
from .syntax import imports

FOLDER = "modules"


class ModuleUnreadable(Exception):
    """A local module's file can't be read or parsed."""

    def __init__(self, module: str, reason: str) -> None:
        self.module = module
        self.reason = reason
        super().__init__(f"{module}: {reason}")


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A file that a dotted module name stands for."""

    name: str
    path: Path
    is_package: bool


class LocalModules:
    """Finds modules below a directory and copies what is imported from it.

    Args:
        directory: Where the notebook is.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._files: dict[str, ModuleFile | None] = {}
        self._copied: dict[str, LocalModule] = {}

    def find(self, name: str) -> ModuleFile | None:
        """The file of a module next to the notebook; None for any other module."""
        if name not in self._files:
            self._files[name] = self._find(name)
        return self._files[name]

    def _find(self, name: str) -> ModuleFile | None:
        root = name.partition(".")[0]
        # A notebook in a checkout of this package must not carry a copy of it: a worker would not know its definitions.
        if not name or root in sys.stdlib_module_names or root == __name__.partition(".")[0]:
            return None
        loaded = sys.modules.get(root)
        origin = getattr(loaded, "__file__", None)
        directory = self.directory
        if loaded is not None and origin is not None and not Path(origin).resolve().is_relative_to(directory):
            if is_installed(root, Path(origin)):
                return None
            # On a path that the notebook added to `sys.path`: a worker does not know it.
            directory = Path(origin).resolve().parents[1 if Path(origin).stem == "__init__" else 0]
        place = directory.joinpath(*name.split("."))
        if (place / "__init__.py").is_file():
            return ModuleFile(name, place / "__init__.py", True)
        if place.with_suffix(".py").is_file():
            return ModuleFile(name, place.with_suffix(".py"), False)
        # A folder of modules without an `__init__.py` is a package too, once something is imported from it.
        return ModuleFile(name, place, True) if place.is_dir() and loaded is not None and origin is None else None

    def add(self, name: str) -> None:
        """Copies a module, the packages it is in and the local modules it imports.

        Raises:
            ModuleUnreadable: A file can't be read or is no Python.
        """
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            file = self.find(prefix)
            if file and prefix not in self._copied:
                self._copy(file)

    def _copy(self, file: ModuleFile) -> None:
        source = read(file)
        inner = "__init__.py" if file.is_package else ""
        path = "/".join([*file.name.split("."), inner]) if inner else f"{file.name.replace('.', '/')}.py"
        self._copied[file.name] = LocalModule(file.name, path, "")
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise ModuleUnreadable(file.name, f"line {error.lineno}: {error.msg}") from None
        package = file.name.split(".") if file.is_package else file.name.split(".")[:-1]
        rewritten = Rewriting(self.find, "." * (len(package) + 1)).apply(source, tree)
        self._copied[file.name] = LocalModule(file.name, path, rewritten)
        for needed in imported_modules(tree, package):
            if self.find(needed.partition(".")[0]):
                self.add(needed)

    @property
    def copied(self) -> tuple[LocalModule, ...]:
        """What was copied, in the order of the names."""
        return tuple(self._copied[name] for name in sorted(self._copied))


def is_installed(module: str, origin: Path) -> bool:
    """Whether a worker with the same interpreter can import a module by itself."""
    parts = origin.resolve().parts
    inside = any(origin.is_relative_to(prefix) for prefix in {sys.prefix, sys.base_prefix})
    return inside or "site-packages" in parts or bool(distributions_of(module))


def read(file: ModuleFile) -> str:
    """The source of a module, line ends made uniform.

    Raises:
        ModuleUnreadable: The file can't be read.
    """
    if file.path.is_dir():
        return ""
    try:
        return file.path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModuleUnreadable(file.name, str(error)) from None


def imported_modules(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """The full names of the modules that source imports; what may be an attribute or a submodule is given too."""
    for node in imports(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            outer = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*outer, *filter(None, [node.module])])
            if module:
                yield module
            yield from (f"{module}.{alias.name}" if module else alias.name for alias in node.names if alias.name != "*")


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Makes imports of local modules relative.

    Args:
        find: The file of a local module, None for others.
        root: What leads from the importing module to the folder of local modules: `..`, `.modules`.
    """

    find: Callable[[str], ModuleFile | None]
    root: str

    def apply(self, source: str, tree: ast.AST) -> str:
        """The source with its import statements rewritten, its line numbers kept."""
        edits = [(node, text) for node, text in self.edits(tree) if text]
        if not edits:
            return source
        lines = source.split("\n")
        for node, text in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before = lines[first].encode()[: node.col_offset].decode()
            after = lines[last].encode()[node.end_col_offset or 0 :].decode()
            lines[first : last + 1] = [before + text + after, *[""] * (last - first)]
        return "\n".join(lines)

    def edits(self, tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
        """Each import statement that names a local module, and what it becomes."""
        for node in imports(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and self.find((node.module or "").partition(".")[0]):
                names = ", ".join(
                    f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in node.names
                )
                yield node, f"from {self.module(node.module or '')} import {names}"
            elif isinstance(node, ast.Import) and any(self.find(alias.name.partition(".")[0]) for alias in node.names):
                yield node, "; ".join(line for alias in node.names for line in self.import_lines(alias))

    def apply_binding(self, binding: Imported, chains: Iterable[str]) -> list[str]:
        """The statements that bind a name of the notebook that comes from a local module."""
        if binding.attribute:
            renamed = f" as {binding.name}" if binding.name != binding.attribute else ""
            return [f"from {self.module(binding.module)} import {binding.attribute}{renamed}"]
        if not binding.bound_root:
            asname = binding.name if binding.name != binding.module else None
            return self.import_lines(ast.alias(binding.module, asname))
        used = [sub for sub in binding.submodules if any(f"{chain}.".startswith(f"{sub}.") for chain in chains)]
        return [line for module in used or [binding.name] for line in self.import_lines(ast.alias(module))]

    def module(self, name: str) -> str:
        """The relative name of a local module."""
        return f"{self.root}{name}" if self.root.endswith(".") else f"{self.root}.{name}"

    def import_lines(self, alias: ast.alias) -> list[str]:
        """The statements one `import a.b as c` becomes."""
        root, _, rest = alias.name.partition(".")
        if not self.find(root):
            return [f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")]
        owner, _, last = alias.name.rpartition(".")
        parent = self.module(owner) if owner else self.root
        if alias.asname:
            return [f"from {parent} import {last} as {alias.asname}"]
        if not rest:
            return [f"from {self.root} import {root}"]
        # `import a.b` binds `a` and loads `a.b`; the second name is never read.
        return [f"from {self.root} import {root}", f"from {parent} import {last} as _{alias.name.replace('.', '_')}"]
