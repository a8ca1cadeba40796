import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from support import Rig


@pytest.fixture
def rig(mosquitto) -> Iterator[Callable[..., Rig]]:
    """Return a function that starts a daemon among the devices it is given."""
    with contextlib.ExitStack() as stack:

        def start(*devices, settings: tuple[str, ...] = (), **more) -> Rig:
            return stack.enter_context(
                Rig(mosquitto.url, [*devices], ("agent.confirm_timeout=0.5", *settings), **more)
            )

        yield start


@pytest.fixture
def mosquitto(start_mosquitto):
    """Return a broker that sends small packets at once, which saves 40 ms a command."""
    return start_mosquitto(extra=["set_tcp_nodelay true"])
