"""espeak-ng as a process: small, quick and understandable, the voice of every board.

It is a program of its own under the GPL, so nothing of it is loaded into the daemon.
"""

import io
import subprocess
import wave
from typing import Final

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import Samples
from edge_agent.voice.resample import Resampler
from edge_agent.voice.speech import speakable

_VOICE: Final = "en-us"
_WORDS_A_MINUTE: Final = 165
_TIMEOUT: Final = 10.0
_MOST_ERROR: Final = 200


class EspeakSpeech:
    """Speaks with espeak-ng."""

    def __init__(
        self,
        voice: str = "",
        speed: float = 1.0,
        *,
        program: str = "espeak-ng",
        timeout: float = _TIMEOUT,
    ) -> None:
        """Starts nothing yet.

        Args:
            voice: As `espeak-ng --voices` lists it; empty: American English.
            speed: 1 is 165 words a minute.
            program: The executable.
            timeout: Seconds that one answer may take to be computed.
        """
        self._voice = voice or _VOICE
        self._timeout = timeout
        # -b 1: UTF-8; -z: no pause at the end, for the follow-up window opens behind it.
        pace = str(round(_WORDS_A_MINUTE * speed))
        self._command = [program, "--stdin", "--stdout", "-z", "-b", "1", "-s", pace]
        self._command += ["-v", self._voice]

    @property
    def name(self) -> str:
        """The engine and its voice."""
        return f"espeak-ng {self._voice}"

    def synthesise(self, text: str) -> Samples:
        """A sentence as sound; nothing for a text without words.

        Raises:
            VoiceError: espeak-ng is missing, failed or hangs.
        """
        said = speakable(text)
        if not said:
            return np.zeros(0, np.int16)
        try:
            # The text goes in by stdin: nothing of it can ever be taken for an option.
            ran = subprocess.run(  # noqa: S603 - a fixed program, no shell
                self._command,
                input=said.encode(),
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise VoiceError(
                f"{self._command[0]} is not installed: apt install espeak-ng"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise VoiceError(f"espeak-ng did not answer in {self._timeout:g} s") from error
        except OSError as error:
            raise VoiceError(f"{self._command[0]} cannot be started: {error}") from error
        if ran.returncode or not ran.stdout:
            why = " ".join(ran.stderr.decode(errors="replace").split())[:_MOST_ERROR]
            why = why or f"it ended with {ran.returncode} and no sound"
            raise VoiceError(f"{self.name} failed: {why}")
        return _sound(ran.stdout)


def _sound(wav: bytes) -> Samples:
    try:
        # The header gives a length beyond the end, since it is written before the sound is there.
        with wave.open(io.BytesIO(wav)) as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            if (width, channels) != (2, 1):
                raise VoiceError(f"espeak-ng gave {channels} channels of {8 * width} bits")
            frames = file.readframes(len(wav) // 2)
            samples = np.frombuffer(frames[: len(frames) // 2 * 2], np.int16)
            return Resampler(file.getframerate()).feed(samples, last=True)
    except (wave.Error, EOFError) as error:
        raise VoiceError(f"espeak-ng gave no sound that can be read: {error}") from error
