"""Which functions of the program can write a line of the disclosure ledger, by its syntax alone."""

import ast
from pathlib import Path

import mpi

Function = tuple[str, str]
"""Module and name of a function, a class or a value of a module."""
ROOT = Path(mpi.__file__).parent
FOLDERS = ("api", "service")
"""Folders with everything between a route and the ledger."""
WRITERS = {
    ("mpi.service.core.disclosure", "disclose"),
    ("mpi.service.core.disclosure", "build_disclosure"),
}
OTHER_WRITERS = {
    ("mpi.service.core.idempotency", "find_stored_answer"),
    ("mpi.service.access.break_glass", "begin_use"),
}
"""Functions that write a line of a repeated call, or of an emergency: the answer needs its own."""
_WRITING = ("write", "write_in_background")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class LedgerReach:
    """The calls of the program, as far as names tell them."""

    def __init__(self) -> None:
        paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
        self._modules = {_module_name(path): path for path in paths}
        self._uses: dict[Function, set[Function]] = {}
        self._writers = set(WRITERS)
        for module, path in self._modules.items():
            self._read(module, ast.parse(path.read_text(encoding="utf-8")))

    def reaches_ledger(self, start: Function) -> bool:
        """Return whether a function uses, over others, one that writes a line."""
        seen, waiting = {start}, [start]
        while waiting:
            function = waiting.pop()
            if function in OTHER_WRITERS:
                continue
            if function in self._writers:
                return True
            further = self._uses.get(function, set()) - seen
            seen |= further
            waiting += further
        return False

    def _read(self, module: str, tree: ast.Module) -> None:
        parts = list(ast.walk(tree))
        imported = {
            name.asname or name.name: (node.module, name.name)
            for node in parts
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mpi")
            for name in node.names
        }
        defined = dict(_iterate_definitions(tree))
        for name, target in imported.items():
            # A module may hand on what it imports.
            self._uses[module, name] = {target}
        for name, node in defined.items():
            parts = list(ast.walk(node))
            self._uses[module, name] = set(self._iterate_uses(parts, module, imported, defined))
            if any(map(_is_ledger_write, parts)):
                self._writers.add((module, name))

    def _iterate_uses(self, parts, module, imported, defined):
        for part in parts:
            if isinstance(part, ast.Name):
                if part.id in imported:
                    yield imported[part.id]
                elif part.id in defined:
                    yield module, part.id
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                package, name = imported.get(part.value.id, ("", ""))
                if f"{package}.{name}" in self._modules:
                    yield f"{package}.{name}", part.attr


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _iterate_definitions(tree: ast.Module):
    """Yield name and content of each function, class and value of a module."""
    for node in tree.body:
        if isinstance(node, _DEFINITIONS):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _is_ledger_write(node: ast.AST) -> bool:
    """Return whether a node is a call ``….store.ledger.write(…)``."""
    match node:
        case ast.Call(
            func=ast.Attribute(
                attr=attribute, value=ast.Attribute(attr="ledger", value=ast.Attribute(attr="store"))
            )
        ):
            return attribute in _WRITING
    return False
