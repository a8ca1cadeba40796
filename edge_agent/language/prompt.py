"""What the model is shown: a constant prefix of examples, then the sentence.

The one place that knows the prompt of the model in use. Names of devices never appear here: they
are data, and live in the grammar alone. The size does not depend on the home.
"""

PREFIX = """\
Commands for a smart home and a car. Requests that no command fits are answered with none.

Request: could you switch the desk lamp on please
Command: turn on desk lamp
Request: kill the lights in the cellar
Command: turn off cellar lights
Request: it is way too dark in the attic
Command: turn on attic lights
Request: what's the weather like tomorrow
Command: none
Request: let the blinds down in the nursery
Command: close nursery blinds
Request: dim the reading light to 30 percent
Command: set reading light brightness to 30
Request: is the back door locked
Command: is back door locked
Request: set the heating in the study to 21 and start the robot
Command: set study heating temperature to 21; start robot
Request: tell me a joke
Command: none
Request: how warm is it in the cellar
Command: what is cellar temperature
Request: how many windows are open
Command: how many windows are open
Request: i turned the attic light off yesterday
Command: none
Request: make the sofa lamp blue
Command: set sofa lamp color to blue
Request: don't open the gate
Command: none
Request: turn the music up a bit
Command: increase music volume
Request: put eggs on the groceries list
Command: add eggs to groceries list
Request: if it is above 25 in the attic turn the fan on
Command: if attic temperature is above 25 then turn on fan
"""

_TAIL = "Request: {text}\nCommand:"

MOST_CHARACTERS = 300
"""A longer sentence is refused before it reaches the model."""


def tail(text: str) -> str:
    """The part of the prompt that changes: the sentence, on one line, in lower case."""
    line = " ".join(text.split()).casefold()
    return _TAIL.format(text=line)
