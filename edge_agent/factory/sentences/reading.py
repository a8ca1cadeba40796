"""Reads the banks of names and devices: YAML into structures, strictly.

Knows no names and no devices.
"""

from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from edge_agent.errors import FactoryError

_T = TypeVar("_T")


def read_bank(path: Path, form: type[_T]) -> _T:
    """A YAML file in the form that is asked for.

    Raises:
        FactoryError: It cannot be read, or a key or value is not legal; names file and key.
    """
    try:
        document = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a SafeLoader
        return msgspec.convert(document, form)
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise FactoryError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise FactoryError(f"{path}: {error}") from error


_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast one where the library was built with it."""
