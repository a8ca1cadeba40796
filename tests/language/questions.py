"""Asks a real daemon 300 questions about the simulated home; none may reach a device.

python tests/language/questions.py --count 300
"""

import random
import sys
from collections.abc import Sequence

from harmless import Thing, has, main, spread

ANY = has("power", "opening", "lock", "position", "temperature", "brightness", "value", "activity")

SHAPES = (
    (has("power"), "is the {name} on"),
    (has("power"), "is the {name} on?"),
    (has("power"), "is the {name} off right now?"),
    (has("power"), "isn't the {name} on?"),
    (has("power"), "did i leave the {name} on"),
    (has("power"), "did someone turn on the {name}"),
    (has("power"), "has the {name} been switched off yet"),
    (has("power"), "was the {name} on this morning?"),
    (has("power"), "tell me if the {name} is on"),
    (has("power"), "can you check whether the {name} is still on"),
    (has("power"), "could you tell me if the {name} is off"),
    (has("power"), "i wonder if the {name} is on"),
    (has("power"), "let me know whether the {name} is running"),
    (has("power"), "hey, is the {name} turned on in the {area}?"),
    (has("power"), "do i have to turn off the {name}?"),
    (has("power"), "should i turn on the {name}"),
    (has("power"), "why is the {name} on?"),
    (has("power"), "who turned on the {name}"),
    (has("power"), "when did the {name} turn off"),
    (has("power"), "how do i turn on the {name}"),
    (has("power"), "which {kinds} are on"),
    (has("power"), "how many {kinds} are off?"),
    (has("power"), "are any {kinds} on in the {area}"),
    (has("power"), "are all the {kinds} off?"),
    (has("power"), "the {name} is on, isn't it?"),
    (has("power"), "is it okay to turn on the {name} now?"),
    (has("power"), "what happens if i turn on the {name}"),
    (has("opening"), "is the {name} open"),
    (has("opening"), "is the {name} closed?"),
    (has("opening"), "did i close the {name}?"),
    (has("opening"), "has anyone opened the {name}"),
    (has("opening"), "are the {kinds} open?"),
    (has("opening"), "which {kinds} are open"),
    (has("opening"), "find out whether the {name} is open"),
    (has("opening"), "how long does the {name} need to open?"),
    (has("opening"), "why did the {name} open?"),
    (has("lock"), "is the {name} locked"),
    (has("lock"), "is the {name} unlocked?"),
    (has("lock"), "did i lock the {name}"),
    (has("lock"), "have we locked the {name} yet?"),
    (has("lock"), "check if the {name} is locked please"),
    (has("lock"), "who unlocked the {name}?"),
    (has("lock"), "does the {name} lock by itself"),
    (has("temperature", "current temperature"), "how warm is the {name}"),
    (has("temperature", "current temperature"), "what is the {name} set to?"),
    (has("temperature", "current temperature"), "what's the temperature of the {name}"),
    (has("temperature", "current temperature"), "is the {name} at 22 degrees?"),
    (has("temperature", "current temperature"), "how cold is it in the {area}?"),
    (has("brightness"), "how bright is the {name}"),
    (has("brightness"), "is the {name} at 50 percent?"),
    (has("brightness"), "what color is the {name}?"),
    (has("position"), "how far open is the {name}"),
    (has("position"), "is the {name} at 40 percent"),
    (has("position"), "what is the position of the {name}?"),
    (has("volume"), "how loud is the {name}"),
    (has("volume"), "what is playing on the {name}?"),
    (has("activity"), "where is the {name}"),
    (has("activity"), "is the {name} cleaning?"),
    (has("activity"), "is the {name} docked"),
    (ANY, "what is the state of the {name}"),
    (ANY, "how is the {name} doing?"),
    (ANY, "what about the {name}?"),
    (ANY, "what can the {name} do"),
    (ANY, "do we have a {name}?"),
    (ANY, "where is the {name} again?"),
)


def build(things: Sequence[Thing], count: int, rng: random.Random) -> list[str]:
    """Questions about the things of a home."""
    return spread(SHAPES, things, count, rng)


if __name__ == "__main__":
    sys.exit(main(__doc__.splitlines()[0], build))
