"""What a session of the voice is told, and what it wants done."""

from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto
from typing import TypeAlias


class Mode(StrEnum):
    """How the daemon is spoken to; a button works in all of them."""

    WAKE_WORD = "wake-word"
    PUSH_TO_TALK = "push-to-talk"
    ALWAYS = "always-listening"


class Ear(Flag):
    """Who gets the sound of the microphone."""

    CLOSED = 0
    WAKE = auto()
    """The wake word."""
    SPEECH = auto()
    """Voice activity and endpoint; what is said is kept for the recogniser."""


class Sound(StrEnum):
    """Earcons."""

    WAKE = "wake"
    DONE = "done"
    ERROR = "error"


# Events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Woken:
    """The wake word was said."""


@dataclass(frozen=True, slots=True)
class ButtonDown:
    """The button for talking was pressed."""


@dataclass(frozen=True, slots=True)
class ButtonUp:
    """The button for talking was let go."""


class Speech(Enum):
    """What the endpoint found."""

    BEGAN = "began"
    ENDED = "ended"
    NONE = "none"
    """Nothing was said in the time that there was for it."""
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What a `Transcribe` came to: readings, the best first; none where it was no sentence."""

    turn: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an `Ask` came to."""

    turn: int
    text: str
    """What is to be said; empty where an earcon is enough."""
    question: bool = False
    """Whether it asks something back."""
    understood: bool = True
    """False where it only says that nothing could be made of the sentence."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was to be said was played to the end, or could not be."""

    turn: int


@dataclass(frozen=True, slots=True)
class Reported:
    """There is something to tell that nobody asked for just now."""

    text: str
    question: bool = False
    """Whether it asks something."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody called off in another way than by voice what was being done."""


@dataclass(frozen=True, slots=True)
class Muted:
    """The microphone was switched off or on, was unplugged or came back."""

    muted: bool


@dataclass(frozen=True, slots=True)
class Switched:
    """It is spoken to in another way from now on."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of a `Timer` has come."""


Event: TypeAlias = (
    Woken
    | ButtonDown
    | ButtonUp
    | Speech
    | Transcribed
    | Answered
    | Played
    | Reported
    | Stopped
    | Muted
    | Switched
    | Tick
)

# Actions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listen:
    """From the next block on, give the sound to these; what they heard so far is forgotten."""

    ear: Ear
    patience: float | None = None
    """Seconds after which the endpoint tells `Speech.NONE`; None: never."""


@dataclass(frozen=True, slots=True)
class Play:
    """Sound an earcon."""

    sound: Sound


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Recognise what was said."""

    turn: int
    whole: bool = False
    """All since the ear was opened, rather than from the first speech on."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Have a sentence carried out."""

    turn: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """Speak an answer."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class BeSilent:
    """End what is being said."""


@dataclass(frozen=True, slots=True)
class CallOff:
    """End all that is being recognised, understood or done."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Send a `Tick` at this time; it takes the place of the timer before."""

    at: float


Action: TypeAlias = Listen | Play | Transcribe | Ask | Say | BeSilent | CallOff | Timer
