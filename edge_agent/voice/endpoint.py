"""Where speech begins and ends, from the probabilities of a voice activity detector.

Pure: it counts chunks, and knows neither clock nor sound. The end is found after a hang that
follows the noise: where noise alone looks a little like speech, words in it look a little less so,
and a pause between them seems longer than it is.
"""

import math
from dataclasses import dataclass

from edge_agent.voice.events import Speech
from edge_agent.voice.vad import CHUNK_SECONDS


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in seconds, the others probabilities of speech."""

    begin: float = 0.5
    """From here on a chunk is speech."""
    stay: float = 0.35
    """Speech that has begun goes on until a chunk is below this."""
    shortest: float = 0.16
    """Of speech, before it counts: a click is shorter, "off" is longer."""
    gap: float = 0.1
    """The longest pause inside of what is not yet counted as speech."""
    hang: float = 0.5
    """Of silence that ends speech, in a quiet room."""
    noisy_hang: float = 0.8
    """Of silence that ends speech, in a noisy one."""
    quiet: float = 0.02
    """A room is quiet in which what is no speech is not above this, on average ..."""
    noisy: float = 0.15
    """... and noisy from here on; the hang is in between where the room is."""
    window: float = 1.5
    """Of the latest sound that is no speech, by which the room is judged."""
    longest: float = 12.0
    """Of speech with its pauses, after which it is too long."""
    pre_roll: float = 0.3
    """Of sound before the speech that belongs to it: soft first consonants."""


class Endpoint:
    """Edges of speech at one microphone."""

    def __init__(self, settings: EndpointSettings, chunk: float = CHUNK_SECONDS) -> None:
        """Waits for speech with no limit; `chunk` is the seconds that a probability is about."""
        self._settings = settings
        self._chunk = chunk
        self._floor = 0.0
        self._known = 0  # chunks by which the floor is known
        self._patience: float | None = None
        self._waited = 0
        self._speaking = False
        self._voiced = self._pause = self._length = 0

    def open(self, patience: float | None) -> None:
        """Wait for speech anew; what is known of the room stays.

        Args:
            patience: Seconds for speech to begin; None for no limit.
        """
        self._patience = patience
        self._waited = 0
        self._wait()

    @property
    def hang(self) -> float:
        """Seconds of silence that end speech in this room."""
        settings = self._settings
        if self._floor <= settings.quiet:
            return settings.hang
        share = math.log(self._floor / settings.quiet) / math.log(settings.noisy / settings.quiet)
        return settings.hang + min(1.0, share) * (settings.noisy_hang - settings.hang)

    @property
    def lead(self) -> float:
        """Seconds before the end of this chunk at which the utterance begins, pre-roll included.

        Whoever keeps the sound cuts there as soon as speech began.
        """
        return self._length * self._chunk + self._settings.pre_roll

    def feed(self, probability: float) -> Speech | None:
        """What the next chunk brings.

        After an end, it goes on to wait for more speech, with no limit.
        """
        return self._go_on(probability) if self._speaking else self._await(probability)

    def _await(self, probability: float) -> Speech | None:
        settings = self._settings
        self._waited += 1
        if probability >= settings.begin:
            self._voiced += 1
            self._pause = 0
        else:
            self._pause += 1
        if self._voiced:
            self._length += 1
            if self._lasts(self._voiced, settings.shortest):
                self._speaking, self._pause = True, 0
                return Speech.BEGAN
            if self._pause * self._chunk <= settings.gap:
                return None
            self._wait()
        elif probability < settings.begin:
            self._learn(probability)
        if self._patience is not None and self._lasts(self._waited, self._patience):
            self._patience = None
            return Speech.NONE
        return None

    def _go_on(self, probability: float) -> Speech | None:
        settings = self._settings
        self._length += 1
        if probability >= settings.begin:
            self._pause = 0
        elif self._pause or probability < settings.stay:
            self._pause += 1
        if self._lasts(self._pause, self.hang):
            return self._end(Speech.ENDED)
        if self._lasts(self._length, settings.longest):
            return self._end(Speech.TOO_LONG)
        return None

    def _end(self, speech: Speech) -> Speech:
        self._patience = None
        self._wait()
        return speech

    def _wait(self) -> None:
        self._speaking = False
        self._voiced = self._pause = self._length = 0

    def _learn(self, probability: float) -> None:
        self._known = min(self._known + 1, round(self._settings.window / self._chunk))
        self._floor += (probability - self._floor) / self._known

    def _lasts(self, chunks: int, seconds: float) -> bool:
        return chunks * self._chunk >= seconds - self._chunk / 2
