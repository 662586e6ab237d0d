"""Find import circles and layers that look up: `python -m tests.architecture [FOLDER]`.

Reads the source, so that imports inside functions and under `if TYPE_CHECKING:` count like all
others. Prints the circles, what no layer allows, the distributions that are used but not declared,
and the lines of each package.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# From the top down; modules of one row do not import each other.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "__main__",
        "cli",
        "serve",
        "tui",
        "api doctor",
        "preference",
        "generation",
        "training",
        "inference shortlist",
        "importing",
        "models",
        "arxiv",
        "corpus",
        "jobs",
        "settings",
        "candidate sampling_params",
        "database",
        "paths decoding network pasted",
        "text",
        "atomic_write errors tex version",
    )
)
# Modes of the app: what they share lies in `tui/` itself.
INDEPENDENT = tuple(f"titletui.tui.{mode}" for mode in ("corpus", "train", "generate", "shortlist"))


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Yield the dotted name of all that a module imports, relative imports resolved.

    `from a import b` yields `a.b`: only the caller knows whether `b` is a module.
    """
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def read_graph(folder: Path) -> dict[str, set[str]]:
    """Return for each module of the package at `folder` the modules of it that it imports."""
    sources = {module_name(path, folder): path for path in sorted(folder.rglob("*.py"))}
    graph: dict[str, set[str]] = {}
    for module, path in sources.items():
        found = set()
        for name in imports(path.read_text(), module, path.name == "__init__.py"):
            target = name if name in sources else name.rpartition(".")[0]
            if target in sources and target != module:
                found.add(target)
        graph[module] = found
    return graph


def module_name(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in order:
                visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], order[target])
        if lowest[module] == order[module]:
            at = stack.index(module)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                found.append(sorted(component))

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return found


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Return each import of a higher layer, of a neighbour in the same one, or of another mode."""
    level = {name: number for number, row in enumerate(LAYERS) for name in row}
    found = []
    for module, targets in graph.items():
        for target in targets:
            lower, upper = part(module), part(target)
            if not upper:
                if lower not in ("api", "cli", "__main__"):
                    found.append(f"{module} imports the package itself")
                continue
            if upper not in level:
                found.append(f"{upper} has no layer yet")
                continue
            not_down = lower and lower != upper and level[upper] <= level.get(lower, -1)
            other_mode = mode(module) and mode(target) not in ("", mode(module))
            if not_down or other_mode:
                found.append(f"{module} imports {target}")
    return sorted(set(found))


def part(module: str) -> str:
    """Return the package or module right under `titletui` that a module belongs to."""
    return [*module.split("."), ""][1]


def mode(module: str) -> str:
    return next((one for one in INDEPENDENT if f"{module}.".startswith(f"{one}.")), "")


def undeclared(folder: Path) -> list[str]:
    """Return the packages that are imported and that no dependency in pyproject.toml brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    declared = {one.split("[")[0].split("=")[0].split(">")[0].strip() for one in wanted}
    declared = {name.lower().replace("-", "_") for name in declared}
    used = {
        name.partition(".")[0]
        for path in folder.rglob("*.py")
        for name in imports(path.read_text(), module_name(path, folder), False)
    }
    return sorted(used - declared - sys.stdlib_module_names - {folder.name, "__future__"})


def lines(folder: Path) -> dict[str, int]:
    """Return the lines of the Python files of each package under `folder`."""
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder).parts
        name = f"{inside[0]}/" if len(inside) > 1 else "."
        counts[name] = counts.get(name, 0) + len(path.read_text().splitlines())
    return counts


def main() -> int:
    """Print what is found about a package; return 1 if it has circles or looks up."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "titletui"
    graph = read_graph(folder)
    for name, count in lines(folder).items():
        print(f"{count:7,}  {name}")
    print(f"{sum(lines(folder).values()):7,}  lines in {len(graph)} modules")
    loops, looks_up = circles(graph), upward(graph)
    for title, found in (
        ("circles", [" ↔ ".join(one) for one in loops]),
        ("imports that do not point down", looks_up),
        ("undeclared dependencies", undeclared(folder)),
    ):
        print(f"\n{title}: {len(found)}", *found, sep="\n  ")
    return int(bool(loops or looks_up))


if __name__ == "__main__":
    raise SystemExit(main())
