"""Configuration files: YAML on disk, layer over layer, into one plain document.

Knows no keys; what they mean is for `config`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from edge_agent.errors import ConfigError

_MOST_EXTENDS = 8
_MAX_BYTES = 4 << 20


def config_directories(beside: Path) -> tuple[Path, ...]:
    """Where an extended config is looked for, in order."""
    package = Path(__file__).resolve().parent
    prefix = Path(sys.prefix)
    return (
        beside,
        package.parent / "firmware_configs",
        prefix / "share" / "edge-agent" / "firmware_configs",
    )


def find_config(name: str, beside: Path) -> Path:
    """The shipped config of that name.

    Raises:
        ConfigError: There is none; the text says where it was looked for.
    """
    for directory in config_directories(beside):
        if (directory / name).is_file():
            return directory / name
    looked = ", ".join(str(directory) for directory in config_directories(beside))
    raise ConfigError(f"there is no {name} in {looked}")


def read_layers(path: Path, sections: Sequence[str]) -> dict[str, Any]:
    """A file laid over what it extends, with the defaults of every configuration at the bottom.

    Args:
        path: The YAML file.
        sections: What may stand in it, for the error that says so.

    Raises:
        ConfigError: A file cannot be read or extends itself.
    """
    defaults = _read(Path(__file__).with_name("defaults.yaml"), sections)
    return _over(defaults, _stacked(path, sections, ()))


def _stacked(path: Path, sections: Sequence[str], chain: tuple[Path, ...]) -> dict[str, Any]:
    if path in chain or len(chain) > _MOST_EXTENDS:
        raise ConfigError(f"{chain[-1]}: extends: {path.name} leads back to itself")
    document = _read(path, sections)
    extended = document.pop("extends", None) or []
    names = [extended] if isinstance(extended, str) else extended
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{path}: extends: must be the name of a file, or a list of them")
    stack: dict[str, Any] = {}
    for name in names:
        try:
            found = find_config(name, path.parent)
        except ConfigError as error:
            raise ConfigError(f"{path}: extends: {error}") from error
        stack = _over(stack, _stacked(found, sections, (*chain, path)))
    return _over(stack, document)


def _read(path: Path, sections: Sequence[str]) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: is bigger than {_MAX_BYTES >> 20} MiB")
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise ConfigError(f"{path}: must be a mapping of sections: {', '.join(sections)}")
    return document


class _UniqueLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a word", problem_mark=key_node.start_mark
                )
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _over(merged[key], value)
        else:
            merged[key] = value
    return merged


def apply_override(merged: dict[str, Any], override: str) -> None:
    """Set one key of a document from `key.path=value`, the value in YAML.

    Raises:
        ConfigError: It is not of that form.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: must be key.path=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not a YAML value") from error
    *sections, last = key.split(".")
    place = merged
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {key}: {section} is a value, not a section")
        place = inner
    place[last] = value
