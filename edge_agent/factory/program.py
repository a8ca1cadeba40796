"""A stage as a program of its own: what its errors look like from a command line."""

import sys
from collections.abc import Callable

from edge_agent.errors import EdgeAgentError


def run_program(work: Callable[[], None]) -> int:
    """The exit code of some work: 0 when it is done, 1 with a sentence on stderr when it cannot."""
    try:
        work()
    except EdgeAgentError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
