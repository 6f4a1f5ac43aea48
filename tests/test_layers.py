"""The floors of the house: a module imports only from rooms below its own, also inside functions, and never in a circle."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gcn_tf"
# From the ground up; rooms of one line stand side by side and do not import each other.
FLOORS = (
    ("errors", "quiet", "interrupts", "machine", "doors", "streams"),
    ("files", "progress", "gpus"),
    ("workers",),
    ("config",),
    ("grid",),
    ("metrics",),
    ("pipelines",),
    ("reporting",),
    ("model",),
    ("rivals",),
    ("runs",),
    ("synthesis",),
    ("training", "newcomers"),
    ("planning",),
    ("evaluation",),
    ("augmentation", "sharing"),
    ("tuning", "api"),
    ("studies", "explore"),
    ("commands",),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The face of the package hands names on, whichever floor they are from.
FACES = {"gcn_tf", "gcn_tf.model"}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; pipelines and tuning are links."""
    found = {}
    for root in (PACKAGE, PACKAGE / "pipelines", PACKAGE / "tuning"):
        for path in root.rglob("*.py"):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, but for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in whole}
    return {name for name in names if name.split(".")[0] == "gcn_tf" and name != "gcn_tf"}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_module_is_in_a_room_with_a_floor():
    assert {room(module) for module in MODULES if "." in module} == set(FLOOR)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - FACES))
def test_a_module_imports_only_from_rooms_below(module):
    own = room(module)
    for name in imported(MODULES[module]):
        assert room(name) == own or FLOOR[room(name)] < FLOOR[own], f"{module} imports {name}"


def test_no_modules_import_each_other_in_a_circle():
    below = {module: imported(path) - {module} for module, path in MODULES.items()}
    while free := {module for module, names in below.items() if not names & below.keys()}:
        below = {module: names for module, names in below.items() if module not in free}
    assert not below, f"in circles, or above one: {sorted(below)}"


def test_an_import_inside_a_function_is_seen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def late():\n    from gcn_tf.commands import train\n    return train\n")
    assert imported(path) == {"gcn_tf.commands.train"}
