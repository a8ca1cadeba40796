"""What a model is shown before it speaks: examples, or the names that a sentence may be about.

The one place that knows the prompts. Marks are tokens of their own that no text can write, so a
name can never pass for anything else; the size does not depend on the home.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from edge_agent.errors import ModelError

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


class Mark(StrEnum):
    """Control tokens of our own models: what the text after them is."""

    KINDS = "<|kinds|>"
    NAME = "<|name|>"
    AREA = "<|area|>"
    BEFORE = "<|before|>"
    SAID = "<|said|>"
    DO = "<|do|>"
    END = "<|end|>"


Piece: TypeAlias = str | Mark


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the sentence."""

    kinds: Sequence[str] = ()
    """Nouns of the kinds of things that are here."""
    names: Sequence[str] = ()
    """The names and places most like the sentence, as the vocabulary describes them."""
    area: str | None = None
    """Where the speaker is."""
    before: str | None = None
    """The command before this one in the same conversation, in the output language."""


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How one kind of model is asked."""

    name: str
    prefix: str
    """The constant part."""
    end: Piece
    """What ends an output."""
    shows_names: bool

    def tail(self, text: str, context: Context) -> Sequence[Piece]:
        """The part that changes with the sentence."""
        said = " ".join(text.split()).casefold()
        if not self.shows_names:
            return (f"Request: {said}\nCommand:",)
        pieces: list[Piece] = [Mark.KINDS, *(f" {kind}" for kind in context.kinds)]
        for name in context.names:
            pieces += [Mark.NAME, f" {name}"]
        if context.area is not None:
            pieces += [Mark.AREA, f" {context.area}"]
        if context.before is not None:
            pieces += [Mark.BEFORE, f" {context.before}"]
        return (*pieces, Mark.SAID, f" {said.rstrip(' .!')}", Mark.DO)


EXAMPLES = PromptFormat("examples", _EXAMPLES, "\n", shows_names=False)
"""For a model that was not trained on our language: it continues a list of examples."""

CANDIDATES = PromptFormat("candidates", "", Mark.END, shows_names=True)
"""For our own models: the kinds and names that the sentence may be about, then the sentence."""

_FORMATS: Mapping[str, PromptFormat] = MappingProxyType(
    {known.name: known for known in (EXAMPLES, CANDIDATES)}
)


def prompt_format(name: str) -> PromptFormat:
    """The format that a model file names.

    Raises:
        ModelError: There is none of that name; the text lists the legal names.
    """
    if name not in _FORMATS:
        raise ModelError(f"prompt format {name!r}; legal: {', '.join(_FORMATS)}")
    return _FORMATS[name]
