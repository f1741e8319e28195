"""Promise: imports point one way only, and what is below the line runs without fairseq."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fairseq_l2rw"
# From the bottom up: a part may import its own and what is below.
FLOORS = [
    {"utils"},
    {"metagradient", "scoring", "features", "data", "compatibility", "text"},
    {"weighting", "initial_weights", "sampling"},
    {"config"},
    {"training"},
    {"criterions"},
    {"tasks", "version", "__init__"},
    {"inference", "reporting"},
    {"commands", "__main__"},
]
# May import neither fairseq nor anything that does.
WITHOUT_FAIRSEQ = {
    *("utils", "text", "metagradient", "scoring", "features", "weighting", "initial_weights")
}
# Of data, what initial weights read: pairs are any two lists of numbers.
WITHOUT_FAIRSEQ_TOO = {
    f"fairseq_l2rw.data.{name}"
    for name in (
        "dictionaries",
        "digests",
        "near_duplicates",
        "overlap",
        "pairs",
        "sentences",
        "words",
    )
}
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}


def part(module):
    """The sub-package or root module that a dotted name is in."""
    return module.split(".")[1] if "." in module else "__init__"


def imports():
    """Pairs of the module that imports, and what it imports."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((module, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = [f"{node.module}.{name.name}" for name in node.names]
                yield from ((module, name) for name in (node.module, *found))


def own(name):
    return name.startswith("fairseq_l2rw.")


def test_every_part_has_its_floor():
    parts = [p for p in PACKAGE.iterdir() if p.name[0] != "_" and p.name != "py.typed"]
    assert {p.stem if p.is_file() else p.name for p in parts} <= set(FLOOR)


def test_no_arrow_points_up():
    up = [
        (module, name)
        for module, name in imports()
        if own(name) and part(name) in FLOOR and FLOOR[part(name)] > FLOOR[part(module)]
    ]
    assert up == []


@pytest.mark.parametrize("below", sorted(WITHOUT_FAIRSEQ))
def test_below_the_line_there_is_no_fairseq(below):
    allowed = WITHOUT_FAIRSEQ | {"fairseq_l2rw"}
    for module, name in imports():
        if part(module) != below:
            continue
        assert name.split(".")[0] != "fairseq", (module, name)
        if own(name) and part(name) in FLOOR:
            pairs = name.startswith(tuple(WITHOUT_FAIRSEQ_TOO))
            assert part(name) in allowed or pairs or name == "fairseq_l2rw.data", (module, name)


def test_the_engine_needs_torch_alone():
    """Of packages that have to be installed."""
    found = {name.split(".")[0] for module, name in imports() if part(module) == "metagradient"}
    installed = found & {"torch", "numpy", "fairseq", "omegaconf", "pyarrow", "tqdm", "scipy"}
    assert installed == {"torch"}


def test_no_module_has_the_name_of_one_of_pythons_own():
    import sys

    ours = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert ours & set(sys.stdlib_module_names) == set()


def test_no_two_classes_have_one_name():
    """But for the options of weightings, which each class has inside."""
    names = [
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_files_and_functions_are_short():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 40, (path, node.name)
