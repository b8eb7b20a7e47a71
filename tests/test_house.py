"""The rules of the house: short files, imports that run downwards, locked requirements."""

import ast
import graphlib
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "dreamrl"
TABLE = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
FLOORS = [set(re.findall(r"`(\w+)`", rooms)) for _, rooms in reversed(TABLE)]
"""The one plan of the house is the table in CONTRIBUTING, from the top floor down."""
DOORS = {"__init__", "__main__"}
"""What stands outside the house: it may import every floor, and no floor imports it."""
LONGEST = 400
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_the_plan_numbers_its_floors_and_names_every_room_once():
    assert [int(number) for number, _ in TABLE] == list(range(len(TABLE)))[::-1]
    named = [name for rooms in FLOORS for name in rooms]
    assert sorted(named) == sorted({room(module) for module in modules()} - DOORS)


def room(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    if name in DOORS:
        return len(FLOORS)
    floors = [number for number, rooms in enumerate(FLOORS) if name in rooms]
    assert floors, f"the room '{name}' has no floor: give it one in FLOORS, above"
    return floors[0]


def imported_rooms(source: str) -> set[str]:
    """Rooms of dreamrl that a module imports, anywhere in it; the package itself is a door."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inside = f"{name}.".partition(".")
            if package == "dreamrl":
                inner = inside.split(".")[0]
                rooms.add(inner if any(inner in rooms_ for rooms_ in FLOORS) else "__init__")
    return rooms


def locked(lock: Path) -> dict[str, str]:
    """{name: version} of a requirements file."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "examples"])
def test_no_file_is_longer_than_400_lines(folder):
    files = (f for f in (ROOT / folder).rglob("*") if f.suffix in {".py", ".js", ".css", ".html"})
    lengths = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(SOURCE)))
def test_imports_run_downwards(module):
    here = floor(room(module))
    upward = {name for name in imported_rooms(module.read_text()) if floor(name) > here}
    assert not upward, f"floor {here} imports {upward} from a floor above"


def test_rooms_of_one_floor_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for module in modules():
        name = room(module)
        graph.setdefault(name, set()).update(imported_rooms(module.read_text()) - {name})
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import dreamrl.cli", {"cli"}),
        ("from dreamrl import types, trial as t", {"types", "trial"}),
        ("from dreamrl.agents.dream import dream", {"agents"}),
        ("from dreamrl import make", {"__init__"}),
        ("import dreamrl", {"__init__"}),
        ("def late():\n    from dreamrl.runs.log import Log", {"runs"}),
        ("import jax, dreamrlish", set()),
    ],
)
def test_imported_rooms_are_found(source, rooms):
    assert imported_rooms(source) == rooms


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_carry_hashes_and_no_addresses(lock):
    text = lock.read_text()
    entries = [e for e in re.sub(r"\\\n|#.*", " ", text).splitlines() if e.strip()]
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==\S+( ;.+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry)
    assert "://" not in text
    assert not re.search(r"(^|\s)/\w", text), "a path of one machine"


def test_locks_fit_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = (locked(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    wanted = {"run.txt": (run, project["dependencies"])}
    wanted["dev.txt"] = (dev, project["optional-dependencies"]["dev"])
    for name, (pins, requirements) in wanted.items():
        for requirement in map(Requirement, requirements):
            version = pins.get(canonicalize_name(requirement.name))
            fits = version is not None and requirement.specifier.contains(version)
            assert fits, f"requirements/{name} has {requirement.name} {version}: make lock"
    assert run.items() <= dev.items()
