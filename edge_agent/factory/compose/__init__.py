"""Makes sentences for one home with what they mean: commands, questions, and what must do nothing.

Every case is written with the daemon's own vocabulary and output language, so what is learnt is
what will be asked. Knows phrasings and registries; no tokens, no tensors.
"""

from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.composer import Composer

__all__ = ["Case", "Composer", "Miss"]
