import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from room import Room


@pytest.fixture
def room(monkeypatch) -> Iterator[Room]:
    """A room with a microphone and a speaker, the sound devices of this machine."""
    room = Room()
    monkeypatch.setitem(sys.modules, "sounddevice", room.portaudio)
    yield room
    room.close()
