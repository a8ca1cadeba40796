"""The language models: which file, how it is asked, how its scores are read.

The one place to look at when the model changes.
"""

from edge_agent.models.catalogue import SHIPPED, SUMS, ModelSpec, find_model, model_names
from edge_agent.models.usage import (
    CALIBRATION,
    CARD,
    GRAMMAR_VERSION,
    LANGUAGE,
    PROMPT,
    Usage,
    calibration_json,
    read_calibration,
    read_usage,
)

__all__ = [
    "CALIBRATION",
    "CARD",
    "GRAMMAR_VERSION",
    "LANGUAGE",
    "PROMPT",
    "SHIPPED",
    "SUMS",
    "ModelSpec",
    "Usage",
    "calibration_json",
    "find_model",
    "model_names",
    "read_calibration",
    "read_usage",
]
