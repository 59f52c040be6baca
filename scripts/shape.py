"""Measure the code: modules, lines, statements, complexity and imports of each package."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOTS = ("mpi", "training")
"""Top-level packages that are measured."""
COMPLEXITY = 10
"""Cyclomatic complexity above which a function is counted (ruff's C901)."""
LARGEST_FOLDER = 20
"""Modules that one folder may hold."""
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)")

Graph = dict[str, set[str]]
"""For each node the nodes that it imports."""


@dataclass
class Package:
    """Measurements of one package with everything below it."""

    modules: int = 0
    lines: int = 0
    statements: int = 0
    complex_functions: int = 0
    suppressions: int = 0
    folders: Counter[Path] = field(default_factory=Counter)


def main(root: Path) -> int:
    """Print the table; return 1 for large folders or import cycles."""
    files = [file for top in ROOTS for file in sorted((root / top).rglob("*.py"))]
    modules = {module_name(root, file): file for file in files}
    complexity = complex_functions(root)
    packages: dict[str, Package] = defaultdict(Package)
    for name, file in modules.items():
        measure(packages[package_of(name, modules)], root, file, complexity[file.resolve()])
    graphs = sibling_graphs(modules)
    cycles = {parent: found for parent, graph in graphs.items() if (found := cycles_of(graph))}
    print_packages(packages)
    print_totals(packages)
    edges = sum(len(targets) for graph in graphs.values() for targets in graph.values())
    print(f"\nimport edges between sibling packages and modules: {edges}")
    for parent, graph in sorted(graphs.items()):
        inside = sum(len(targets) for targets in graph.values())
        if any((root / parent.replace(".", "/") / name).is_dir() for name in graph):
            print(f"  {parent}: {inside}")
    print(f"cycles: {sum(map(len, cycles.values()))}")
    for parent, found in cycles.items():
        for cycle in found:
            print(f"  {parent}: {' <-> '.join(sorted(cycle))}")
    folders = Counter[Path]()
    for package in packages.values():
        folders.update(package.folders)
    crowded = {folder: count for folder, count in folders.items() if count > LARGEST_FOLDER}
    for folder, count in crowded.items():
        print(f"too large: {folder} holds {count} modules, more than {LARGEST_FOLDER}")
    return 1 if cycles or crowded else 0


def module_name(root: Path, file: Path) -> str:
    """Return the dotted name of a module or package."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(name: str, modules: dict[str, Path]) -> str:
    """Return a module's package: two levels, three below ``mpi.service``."""
    parts = name.split(".")
    depth = 3 if parts[:2] == ["mpi", "service"] else 2
    package = ".".join(parts[:depth])
    return package if modules[package].name == "__init__.py" else ".".join(parts[: depth - 1])


def measure(package: Package, root: Path, file: Path, complex_count: int) -> None:
    """Add the measurements of one module to its package."""
    text = file.read_text(encoding="utf-8")
    package.modules += 1
    package.lines += len(text.splitlines())
    package.statements += count_statements(ast.parse(text))
    package.complex_functions += complex_count
    package.suppressions += sum(bool(SUPPRESSION.search(line)) for line in text.splitlines())
    package.folders[file.parent.relative_to(root)] += 1


def count_statements(tree: ast.AST) -> int:
    """Count the statements of a syntax tree; docstrings are left out."""
    return sum(isinstance(node, ast.stmt) and not is_docstring(node) for node in ast.walk(tree))


def is_docstring(node: ast.stmt) -> bool:
    """Return whether a statement is only a string."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def complex_functions(root: Path) -> Counter[Path]:
    """Count the functions over the complexity limit, by file, suppressed ones included."""
    command = [
        sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--ignore-noqa",
        "--exit-zero", "--config", f"lint.mccabe.max-complexity={COMPLEXITY}", "--output-format", "json",
        *(str(root / top) for top in ROOTS),
    ]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Counter(Path(violation["filename"]).resolve() for violation in json.loads(output))


def sibling_graphs(modules: dict[str, Path]) -> dict[str, Graph]:
    """Return for each package which of its children import which others."""
    graphs: dict[str, Graph] = defaultdict(lambda: defaultdict(set))
    for name, file in modules.items():
        for target in imports_of(file, modules):
            source_parts, target_parts = name.split("."), target.split(".")
            depth = 0
            while depth < min(len(source_parts), len(target_parts)):
                if source_parts[depth] != target_parts[depth]:
                    parent = ".".join(source_parts[:depth])
                    if parent:  # mpi and training: the demo imports training, and training imports mpi
                        graphs[parent][source_parts[depth]].add(target_parts[depth])
                    break
                depth += 1
    return graphs


def imports_of(file: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the project's modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full_name = f"{node.module}.{alias.name}"
                if full_name in modules or node.module in modules:
                    yield full_name if full_name in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


def cycles_of(graph: Graph) -> list[set[str]]:
    """Return the groups of nodes that reach each other."""
    reach = {node: reachable(graph, node) for node in graph}
    groups: list[set[str]] = []
    for node in graph:
        if node in reach[node] and not any(node in group for group in groups):
            groups.append({other for other in reach[node] if node in reach.get(other, set())})
    return groups


def reachable(graph: Graph, start: str) -> set[str]:
    """Return every node that can be reached from a node."""
    seen: set[str] = set()
    stack = list(graph.get(start, ()))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(graph.get(node, ()))
    return seen


def print_packages(packages: dict[str, Package]) -> None:
    """Print one row a package."""
    header = ("package", "modules", "lines", "statements", "largest folder", f"complexity > {COMPLEXITY}")
    print(f"{header[0]:<28}" + "".join(f"{column:>17}" for column in header[1:]))
    for name, package in sorted(packages.items()):
        largest = max(package.folders.values())
        row = (package.modules, package.lines, package.statements, largest, package.complex_functions)
        print(f"{name:<28}" + "".join(f"{value:>17}" for value in row))


def print_totals(packages: dict[str, Package]) -> None:
    """Print one row a top-level package."""
    for top in ROOTS:
        own = [package for name, package in packages.items() if name.split(".")[0] == top]
        largest = max((count, folder) for package in own for folder, count in package.folders.items())
        print(
            f"\n{top}: {sum(p.modules for p in own)} modules, {sum(p.lines for p in own)} lines, "
            f"{sum(p.statements for p in own)} statements, "
            f"largest folder {largest[1]} ({largest[0]} modules), "
            f"{sum(p.complex_functions for p in own)} functions over complexity {COMPLEXITY}, "
            f"{sum(p.suppressions for p in own)} lines with noqa or type: ignore"
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
