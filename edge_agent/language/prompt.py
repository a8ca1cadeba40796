"""What the model is shown: a constant prefix of examples, then the sentence.

The one place that knows the prompt of the model in use. Names of devices never appear here: they
are data, and live in the grammar alone. The size does not depend on the home.
"""

from dataclasses import dataclass

_EXAMPLES = """\
Commands for a smart home and a car. Requests that no command fits are answered with none.

Request: tell me a joke
Command: none

Request: could you switch the desk lamp on please
Command: turn on desk lamp

Request: lock the back door
Command: lock back door

Request: kill the lights in the cellar
Command: turn off cellar lights

Request: make the sofa lamp blue
Command: set sofa lamp color to blue

Request: shut all the windows
Command: close all windows

Request: attic ventilator to 40 percent
Command: set attic ventilator speed to 40

Request: pause the bathroom speaker
Command: pause bathroom speaker

Request: it is way too dark in the attic
Command: turn on attic lights

Request: stop the music and open the skylight
Command: stop music; open skylight

Request: dim the reading light to 30 percent
Command: set reading light brightness to 30

Request: is the back door locked
Command: is back door locked

Request: put the shades halfway down
Command: set shades position to 50

Request: skip this song
Command: next music

Request: unlock the shed
Command: unlock shed

Request: set the heating in the study to 21 and turn off the heater
Command: set study heating temperature to 21; turn off heater

Request: send the mower home
Command: send home mower

Request: how warm is it in the cellar
Command: what is cellar temperature

Request: which lights are off
Command: which lights are off

Request: set the porch light to half
Command: set porch light brightness to 50

Request: mute the television
Command: mute television

Request: how many doors are open
Command: how many doors are open

Request: turn the music down a little
Command: decrease music volume

Request: set the stereo to 35
Command: set stereo volume to 35

Request: make the desk lamp brighter
Command: increase desk lamp brightness

Request: good morning
Command: activate good morning

Request: are any doors open
Command: any doors open

Request: i am freezing
Command: increase heating temperature

Request: put eggs on the groceries list
Command: add eggs to groceries list

Request: start the washing robot
Command: start washing robot

Request: close the gate
Command: close gate

Request: switch the boiler to eco
Command: set boiler mode to eco

Request: if it is above 25 in the attic turn the fan on
Command: if attic temperature is above 25 then turn on fan

Request: turn the heating up by 3 degrees
Command: increase heating temperature by 3

"""

MOST_CHARACTERS = 300
"""A longer sentence is refused before it reaches the model."""


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How one model is asked: the constant part, and the part with the sentence."""

    prefix: str
    request: str
    """With `{text}` where the sentence goes."""

    def tail(self, text: str) -> str:
        """The part that changes: the sentence, on one line, in lower case."""
        return self.request.replace("{text}", " ".join(text.split()).casefold())


EXAMPLES = PromptFormat(_EXAMPLES, "Request: {text}\nCommand:")
"""For a model that was not trained on our language: it continues a list of examples."""
