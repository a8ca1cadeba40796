"""Imports point one way; the table below is the whole rule."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "edge_agent"

ALLOWED = {
    "errors": set(),
    "core": {"core", "errors"},
    "slm": {"slm", "errors"},
    "language": {"language", "core", "errors"},
    "devices": {"devices", "core", "errors"},
    "models": {"models", "language", "core", "errors"},
    "mqtt": {"mqtt", "core", "errors"},
    "sim": {"sim", "config_files", "core", "errors"},
    "voice": {"voice", "core", "language", "errors"},
    "service": {"service", "mqtt", "devices", "language", "slm", "core", "errors", ""},
    "config_errors": {"errors"},
    "config_files": {"errors"},
    "config_voice": set(),
    "config": {"config_errors", "config_files", "config_voice", "devices", "core", "errors"},
    "hearing": {"config", "service", "voice", "core", "errors"},
}
ALLOWED["parts"] = {*ALLOWED} - {"hearing"}
ALLOWED["app"] = {*ALLOWED, "app"}
ALLOWED["background"] = {*ALLOWED["app"], "background"}
ALLOWED["check"] = ALLOWED["demo"] = {*ALLOWED["background"], "check", "check_voice"}
ALLOWED["check_voice"] = {*ALLOWED["check"], "hearing", "voice"}
ALLOWED["listening"] = {*ALLOWED["background"], "hearing"}
ALLOWED["bench_engine"] = {"bench_engine", "slm", "errors"}
ALLOWED["bench"] = {*ALLOWED["background"], "bench_engine"}
ALLOWED["cli"] = {*ALLOWED["demo"], "bench", "demo", "listening", "cli", "factory", ""}
ALLOWED["factory"] = {*ALLOWED, "factory"}

ONLY_IN = {
    "tinygrad": {"slm"},
    "numpy": {"slm", "voice", "factory"},
    "paho": {"mqtt", "sim"},
    "amqtt": {"sim"},
    "jinja2": {"devices"},
    "sounddevice": {"voice"},
    "torch": {"factory"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, relative imports as `.name`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = "." * level + (module or "")
                if base == "edge_agent":  # from edge_agent import config
                    yield from (f"edge_agent.{alias.name}" for alias in names)
                else:
                    yield base


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")


def part(module: str) -> str:
    """The layer that `edge_agent.x.y` belongs to; empty for what the package itself offers."""
    name = module.split(".")[1]
    known = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    return name if known else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    here = layer(path)
    if not here:
        assert not list(imported(path)), "the package itself imports nothing"
        return
    assert here in ALLOWED, f"{here} has no place in the order yet"
    ours = {part(module) for module in imported(path) if module.split(".")[0] == "edge_agent"}
    assert ours <= ALLOWED[here]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_are_absolute_and_each_library_stays_in_its_layer(path: Path) -> None:
    modules = list(imported(path))
    assert not [module for module in modules if module.startswith(".")]
    for library, layers in ONLY_IN.items():
        if any(module.split(".")[0] == library for module in modules):
            assert layer(path) in layers, f"{library} belongs to {layers}"


def test_core_imports_the_standard_library_alone() -> None:
    for path in (PACKAGE / "core").rglob("*.py"):
        others = {module.split(".")[0] for module in imported(path)} - {"edge_agent"}
        assert others <= sys.stdlib_module_names, path


def test_nothing_but_the_commands_imports_the_factory() -> None:
    for path in MODULES:
        if layer(path) not in {"factory", "cli"}:
            assert not any(module.startswith("edge_agent.factory") for module in imported(path))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("edge_agent.cli", "tinygrad numpy torch jinja2 paho yaml msgspec structlog asyncio"),
        ("edge_agent.config", "tinygrad numpy jinja2 paho"),
        ("edge_agent.app", "tinygrad numpy amqtt"),
        ("edge_agent.language.interpreter", "tinygrad numpy jinja2 paho msgspec"),
    ],
)
def test_importing_loads_nothing_heavy(module: str, unwanted: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(unwanted.split()) & set(ran.stdout.split())


def test_the_reader_of_imports_sees_every_form(tmp_path: Path) -> None:
    source = tmp_path / "seen.py"
    source.write_text(
        "import a.b\nfrom edge_agent import config\nfrom edge_agent.core.names import fold\n"
        "def late():\n    from ..slm import gguf\n    import edge_agent.mqtt\n"
    )
    assert set(imported(source)) == {
        "a.b",
        "edge_agent.config",
        "edge_agent.core.names",
        "..slm",
        "edge_agent.mqtt",
    }
