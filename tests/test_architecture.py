"""The arrows between the modules run one way, and a cheap import stays cheap."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "torch", "sentence_transformers", "transformers", "chromadb", "lxml", "docx", "pypdfium2", "matplotlib", "scipy",
    "httpx", "pymilvus", "ray",
}  # fmt: skip
FRAMEWORKS = {"fastapi", "uvicorn", "mcp", "langchain_core", "llama_index", "haystack"}
# From the bottom up: a module imports from its own layer and from those below. A package stands for all in it.
LAYERS = {
    "retrieval": [
        {
            "errors",
            "topk",
            "timing",
            "time_limit",
            "npy",
            "config_errors",
            "token_counts",
            "words",
            "sheet_rows",
            "iso_times",
        }
        | {"excerpt", "presets", "learned_fusion"},
        {"types", "search_hits", "analysis", "directory"},
        {"config", "endpoint_settings", "endpoints", "context", "filters", "merge_passages", "prompt"},
        {"chroma", "encoders", "fusion", "lexical", "mmr", "rerankers", "fingerprint", "server_watch"}
        | {"cross_encoders", "endpoint_reranker"},
        {"segments"},
        {"storage"},
        {"search", "writer"},
        {"deletion", "inspection", "newest_generation"},
        {"searcher"},
        {"searcher_manager", "generations", "shared_store", "cited_lines", "text_budget"},
        {"index", "evaluation"},
        {"model_comparison"},
        {"training"},
        {"backup"},
    ],
    "ingest": [
        {
            "gitignore",
            "maildir",
            "skip_reasons",
            "selection",
            "root",
            "loaders",
            "documents",
            "scan",
            "watch",
            "splitting",
        }
        | {
            "child_process",
            "opening",
            "whole_numbers",
            "plain_metadata",
            "descriptions",
            "targets",
            "given_metadata",
            "file_metadata",
        },
        {"skipped_kinds"},
        {"chunking", "parsing", "plan", "report", "diff", "deletions", "overlaps", "noted_progress", "time_left"},
        {"parser_worker", "parser_pool", "indexer", "ray_worker", "ray_cluster", "ray_nodes", "ray_tasks"},
        {"pipeline", "adding", "sync", "rebuild", "status", "checks", "damaged_chroma", "ray_pool"},
        {"doctor", "model_trials", "document_list"},
    ],
}
EDGES = {"console", "cli", "cli_options", "models_progress", "adapters", "progress", "interrupts"}
"""What faces people and other programs. It sees both packages whole, as do all modules whose names end in _cli."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path for package in ("retrieval", "ingest") for path in sorted((ROOT / package).rglob("*.py"))
}


def is_edge(module: str) -> bool:
    """Whether it is an entry point, or serves entry points alone."""
    name = module.split(".")[1:2]
    return bool(name) and (name[0] in EDGES or name[0].endswith("_cli"))


def statements(node: ast.AST, *, in_functions: bool, for_types: bool) -> Iterator[ast.AST]:
    """All statements below, with or without those in functions and those under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) or (
            not in_functions and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            continue
        if not for_types and isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for alternative in child.orelse:
                yield alternative
                yield from statements(alternative, in_functions=in_functions, for_types=for_types)
            continue
        yield child
        yield from statements(child, in_functions=in_functions, for_types=for_types)


@cache
def syntax_tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


@cache
def imports(module: str, *, in_functions: bool = True, for_types: bool = False) -> frozenset[str]:
    """The full names of what a module imports; for `from a import b` both a.b and, unless that is a module, a."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in statements(syntax_tree(module), in_functions=in_functions, for_types=for_types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found |= {full} if full in MODULES else {full, base}
    return frozenset(found)


def test_the_modules_are_found_and_read() -> None:
    assert "retrieval.errors" in imports("retrieval.types.metadata")
    assert "numpy" in imports("retrieval.types.metadata", in_functions=False)


def test_the_core_never_imports_ingest() -> None:
    offenders = {
        module: sorted(name for name in imports(module, for_types=True) if name.split(".")[0] == "ingest")
        for module in MODULES
        if module.split(".")[0] == "retrieval" and not is_edge(module)
    }
    assert not {module: names for module, names in offenders.items() if names}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: imports(module) & MODULES.keys() for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


def layer_of(module: str) -> tuple[int, int] | None:
    """The layer of a module that is no edge: ingest's are above retrieval's. None for one that is in none."""
    package, *names = module.split(".")
    found = [number for number, layer in enumerate(LAYERS[package]) if layer & set(names[:1])]
    return (list(LAYERS).index(package), found[0]) if found else None


def is_layered(module: str) -> bool:
    """Whether it has to be in a layer: edges are above all of them, and a package's own name shows what it exports."""
    return "." in module and not is_edge(module)


def test_every_module_is_in_one_layer() -> None:
    assert [module for module in MODULES if is_layered(module) and layer_of(module) is None] == []
    names = [f"{package}.{name}" for package, layers in LAYERS.items() for layer in layers for name in layer]
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if name not in MODULES] == []
    assert [name for name in EDGES if not any(module.split(".")[1:2] == [name] for module in MODULES)] == []


def test_imports_point_to_lower_layers() -> None:
    layers = {module: layer_of(module) for module in MODULES if is_layered(module)}
    upward = [
        f"{module} imports {name}"
        for module, layer in layers.items()
        for name in imports(module, for_types=True) & layers.keys()
        if layer is not None and (below := layers[name]) is not None and below > layer
    ]
    assert not upward


def test_nothing_but_the_edges_imports_an_edge() -> None:
    edges = {module for module in MODULES if is_edge(module)}
    offenders = {module: imports(module) & edges for module in MODULES.keys() - edges}
    assert not {module: names for module, names in offenders.items() if names}


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    found = {module: {name.split(".")[0] for name in imports(module, in_functions=False)} & HEAVY for module in MODULES}
    assert not {module: names for module, names in found.items() if names}


def test_only_the_command_lines_print() -> None:
    calls = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if not module.endswith((".cli", ".console"))
        for node in ast.walk(syntax_tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_an_import_loads_neither_models_nor_chroma_nor_frameworks() -> None:
    """All in one process: what any of them loads stays loaded."""
    code = f"""
import sys, retrieval, ingest, ingest.cli, retrieval.cli
print(*sorted({HEAVY | FRAMEWORKS!r} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.slow
def test_no_pattern_of_re_repeats_a_group_possessively() -> None:
    """Python before 3.11.5, such as Debian 12's, may never come to the end of one; `regex` does."""
    code = """
import importlib, pkgutil, re
from re import _constants, _parser

def parts(pattern):
    for operation, argument in pattern:
        if operation is _constants.POSSESSIVE_REPEAT and (len(argument[2]) > 1 or argument[2][0][0] not in SINGLE):
            yield argument
        for each in argument if isinstance(argument, (tuple, list)) else (argument,):
            for inner in each if isinstance(each, list) else (each,):
                if isinstance(inner, _parser.SubPattern):
                    yield from parts(inner)

SINGLE = (_constants.IN, _constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY)
assert list(parts(_parser.parse("(?:ab|c)*+"))) and not list(parts(_parser.parse("[ab]*+")))
patterns = {"ascii tokens": importlib.import_module("retrieval.analysis.tokens")._ascii_tokens(True)}
for package in ("retrieval", "ingest"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        names = vars(importlib.import_module(found.name)).items()
        patterns |= {f"{found.name} {name}": value for name, value in names if isinstance(value, re.Pattern)}
for name, pattern in patterns.items():
    if list(parts(_parser.parse(pattern.pattern, pattern.flags))):
        print(name)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert printed.stdout == ""
