"""How a model that is evaluated is asked, where its file does not say."""

from collections.abc import Mapping
from pathlib import Path

from edge_agent.core.entity import Risk
from edge_agent.language.confidence import Calibration
from edge_agent.language.prompt import EXAMPLES
from edge_agent.models import Usage, read_usage

UNCALIBRATED = Calibration(5.0, 1.0, dict.fromkeys(Risk, 0.5), 0.2)
"""For a model whose scores nobody has fitted yet."""


def usage_of(metadata: Mapping[str, object], path: Path) -> Usage:
    """How a file is asked: as it says itself, else by examples like any model of others.

    Raises:
        ModelError: What it says is damaged.
    """
    return read_usage(metadata, path) or Usage(EXAMPLES, UNCALIBRATED)
