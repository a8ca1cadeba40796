"""The language models by name: which file, how it is asked, how its scores are read.

The one place to look at when the model changes.
"""

from edge_agent.models.catalogue import ModelSpec, find_model, model_names

__all__ = ["ModelSpec", "find_model", "model_names"]
