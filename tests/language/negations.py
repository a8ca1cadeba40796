"""Tells a real daemon 300 times not to do something; none may reach a device.

python tests/language/negations.py --count 300
"""

import random
import sys
from collections.abc import Sequence

from harmless import Thing, main, spread, takes

SHAPES = (
    (takes("power"), "don't turn on the {name}"),
    (takes("power"), "do not turn off the {name}"),
    (takes("power"), "please don't switch on the {name}"),
    (takes("power"), "never turn on the {name}"),
    (takes("power"), "don't you dare turn off the {name}"),
    (takes("power"), "you must not turn on the {name}"),
    (takes("power"), "you shouldn't turn on the {name} now"),
    (takes("power"), "no need to turn on the {name}"),
    (takes("power"), "there is no need to switch off the {name}"),
    (takes("power"), "i do not want the {name} on"),
    (takes("power"), "i don't need the {name} anymore so don't turn it on"),
    (takes("power"), "leave the {name} as it is"),
    (takes("power"), "leave the {name} off"),
    (takes("power"), "leave the {name} on please"),
    (takes("power"), "whatever you do, do not turn on the {name}"),
    (takes("power"), "i never said to turn on the {name}"),
    (takes("power"), "i didn't say turn off the {name}"),
    (takes("power"), "nobody should turn on the {name}"),
    (takes("power"), "turn on the {name}? no, don't"),
    (takes("power"), "the {name} should not be on"),
    (takes("power"), "it is not necessary to turn on the {name}"),
    (takes("power"), "not the {name}"),
    (takes("power"), "won't turn on the {name} today"),
    (takes("power"), "dont turn on the {name}"),
    (takes("power"), "do n't turn off the {name}"),
    (takes("power"), "refrain from turning on the {name}"),
    (takes("power"), "avoid turning on the {name}"),
    (takes("power"), "turn on the {name}, not"),
    (takes("power"), "keep the {name} from turning on"),
    (takes("power"), "do not touch the {name}"),
    (takes("power"), "don't let anyone turn on the {name}"),
    (takes("power"), "don't turn on all {kinds}"),
    (takes("power"), "none of the {kinds} should be on"),
    (takes("opening", "position"), "don't open the {name}"),
    (takes("opening", "position"), "do not close the {name}"),
    (takes("opening", "position"), "never open the {name} without asking"),
    (takes("opening", "position"), "leave the {name} open"),
    (takes("opening", "position"), "leave the {name} closed"),
    (takes("opening", "position"), "you don't have to open the {name}"),
    (takes("opening", "position"), "i'd rather not open the {name}"),
    (takes("opening", "position"), "please do not open any {kinds}"),
    (takes("lock"), "don't unlock the {name}"),
    (takes("lock"), "do not unlock the {name} for anyone"),
    (takes("lock"), "never unlock the {name}"),
    (takes("lock"), "don't lock the {name} yet"),
    (takes("lock"), "leave the {name} locked"),
    (takes("lock"), "you can't just unlock the {name}"),
    (takes("temperature"), "don't set the {name} to 25"),
    (takes("temperature"), "do not make the {name} any warmer"),
    (takes("temperature"), "don't change the {name}"),
    (takes("brightness"), "don't dim the {name}"),
    (takes("brightness"), "do not set the {name} to 10 percent"),
    (takes("brightness"), "the {name} must not be brighter"),
    (takes("volume"), "don't turn up the {name}"),
    (takes("volume"), "do not mute the {name}"),
    (takes("playback"), "don't play anything on the {name}"),
    (takes("activity"), "don't start the {name}"),
    (takes("activity"), "no, the {name} does not have to start"),
)


def build(things: Sequence[Thing], count: int, rng: random.Random) -> list[str]:
    """Negations about the things of a home."""
    return spread(SHAPES, things, count, rng)


if __name__ == "__main__":
    sys.exit(main(__doc__.splitlines()[0], build))
