"""What the model is shown: a constant prefix of examples, then the sentence.

The one place that knows the prompt of the model in use. Names of devices never appear here: they
are data, and live in the grammar alone. The size does not depend on the home.
"""

from dataclasses import dataclass

_EXAMPLES = """\
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
