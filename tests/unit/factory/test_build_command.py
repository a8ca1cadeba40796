"""What `edge-agent build-model` says before any network is needed: PyTorch may be absent here."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.errors import ConfigError
from edge_agent.factory.firmware import Firmware

HUB = Path(__file__).parents[3] / "firmware_configs" / "smart-home-hub.yaml"
NO_SOURCE = """
devices:
  homeassistant: {enabled: false}
  zigbee2mqtt: {enabled: false}
  tasmota: {enabled: false}
  shelly: {enabled: false}
"""


def test_a_config_without_a_source_of_devices_is_refused(tmp_path: Path, capsys) -> None:
    config = tmp_path / "nothing.yaml"
    config.write_text(NO_SOURCE)
    with pytest.raises(ConfigError, match="source of devices; legal: homeassistant, zigbee2mqtt"):
        Firmware(config).load()
    assert main(["build-model", "--config", str(config), "--work", str(tmp_path / "work")]) == 2
    assert "source of devices" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_vehicle_signals_alone_are_a_source_of_devices(tmp_path: Path) -> None:
    config = tmp_path / "car.yaml"
    config.write_text(
        f"{NO_SOURCE}\nvehicle:\n  signals:\n"
        "    - {path: Vehicle.Cabin.Light.IsDomeOn, datatype: boolean, type: actuator}\n"
    )
    own = Firmware(config).own()
    assert own is not None
    assert len(own.entities) == 1


def test_a_config_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys) -> None:
    assert main(["build-model", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_without_pytorch_it_says_how_to_install_it(tmp_path: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from edge_agent.cli import main; "
    arguments = ["build-model", "--config", str(HUB), "--work", str(tmp_path / "work")]
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}sys.exit(main(sys.argv[1:]))", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "pip install 'edge-agent[factory]'" in ran.stderr
    assert not (tmp_path / "work").exists()
