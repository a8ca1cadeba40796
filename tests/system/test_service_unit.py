"""The unit file and the installer as the system's own tools judge them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "edge-agent.service"
DAEMON = "/opt/edge-agent/current/bin/edge-agent"


def run(
    *command: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a daemon that exists, since verify looks for it."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace(DAEMON, "/bin/true"))
    return path


def settings(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def megabytes(value: list[str]) -> int:
    (text,) = value
    return int(text.removesuffix("M"))


def exposure(unit: Path) -> float:
    result = run("systemd-analyze", "security", "--offline=true", unit)
    score = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
    assert score, result.stderr
    return float(score[1])


def test_systemd_finds_nothing_to_say_about_the_unit(unit: Path) -> None:
    result = run("systemd-analyze", "verify", unit)
    assert (result.returncode, result.stderr) == (0, "")


def test_systemd_finds_nothing_to_say_about_the_voice_drop_in(unit: Path) -> None:
    with unit.open("a") as file:
        file.write((ROOT / "systemd" / "voice.conf").read_text())
    result = run("systemd-analyze", "verify", unit)
    assert (result.returncode, result.stderr) == (0, "")


def test_voice_has_the_memory_that_it_needs() -> None:
    plain, voice = settings(UNIT), settings(ROOT / "systemd" / "voice.conf")
    assert megabytes(voice["MemoryHigh"]) >= 450  # what the daemon may have with a voice
    assert megabytes(voice["MemoryHigh"]) < megabytes(voice["MemoryMax"])
    assert megabytes(voice["MemoryMax"]) > megabytes(plain["MemoryMax"])


def test_unit_is_exposed_at_most_1_3(unit: Path) -> None:
    assert exposure(unit) <= 1.3


def test_voice_costs_at_most_half_a_point(unit: Path) -> None:
    with unit.open("a") as file:
        file.write((ROOT / "systemd" / "voice.conf").read_text())
    assert exposure(unit) <= 1.8


def test_unit_leaves_tinygrad_what_it_needs() -> None:
    found = settings(UNIT)
    assert "MemoryDenyWriteExecute" not in found  # kernels are mapped read-write-execute
    assert "ProcSubset" not in found  # clang reads /proc/cpuinfo
    assert found["Environment"] == ["XDG_CACHE_HOME=%C/edge-agent"]
    assert "sched_setaffinity" in found["SystemCallFilter"]


def test_watchdog_leaves_time_for_a_slow_answer() -> None:
    assert int(settings(UNIT)["WatchdogSec"][0]) >= 30


def test_unit_starts_what_the_installer_installs() -> None:
    script = (ROOT / "install.sh").read_text()
    assert settings(UNIT)["ExecStart"] == [f"{DAEMON} run --config /etc/edge-agent/config.yaml"]
    assert "readonly PREFIX=/opt/edge-agent\n" in script
    assert "readonly ETC=/etc/edge-agent\n" in script


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], 'unknown command "nonsense"'),
        (["service", "--nonsense"], 'unknown option "--nonsense"'),
        (["service", "--config"], "--config needs a value"),
        (["service", "--config", "/gone.yaml"], 'no readable file "/gone.yaml"'),
        (["service", "--offline", "/gone"], 'no folder "/gone"'),
        (["uninstall", "--nonsense"], 'unknown option "--nonsense"'),
        (["wheels"], "wheels needs one folder"),
    ],
)
def test_installer_says_what_is_wrong_with_its_arguments(
    arguments: list[str], sentence: str
) -> None:
    result = run(ROOT / "install.sh", *arguments)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_installer_without_a_command_explains_itself() -> None:
    result = run(ROOT / "install.sh")
    assert result.returncode == 2
    assert "Usage: ./install.sh COMMAND" in result.stderr
    assert run(ROOT / "install.sh", "--help").stdout == result.stderr


def tools(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment whose PATH holds the shell's tools and these scripts alone."""
    for name in ("bash", "env", "dirname", "readlink", "sha256sum", "cat", "tail"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/usr/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": str(folder)}


def test_installer_names_the_packages_where_there_is_no_apt(tmp_path: Path) -> None:
    result = run(ROOT / "install.sh", "demo", env=tools(tmp_path))
    assert result.returncode == 1
    assert "python3 python3-venv clang" in result.stderr
    assert "no apt-get" in result.stderr


def test_installer_shows_why_apt_failed(tmp_path: Path) -> None:
    pretender = 'if [[ $* == *update* ]]; then echo "E: no network"; exit 100; fi'
    environment = tools(tmp_path, **{"apt-get": pretender, "sudo": 'shift; "$@"'})
    result = run(ROOT / "install.sh", "demo", env=environment)
    assert result.returncode == 1
    assert "E: no network" in result.stderr
    assert "failed, see above" in result.stderr


def test_installer_refuses_an_old_python(tmp_path: Path) -> None:
    old = 'case "$*" in *version_info*) exit 1 ;; -V) echo Python 3.9.2 ;; esac'
    environment = tools(tmp_path, python3=old, clang="")
    result = run(ROOT / "install.sh", "demo", env=environment)
    assert result.returncode == 1
    assert "is Python 3.9.2: Python 3.11 or newer is needed" in result.stderr
