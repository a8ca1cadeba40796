"""When to listen, think and speak: the states of a voice, as events in and actions out.

Nothing here hears, sounds or waits: whoever runs it carries the actions out, in their order, and
tells what came of them. Half-duplex is kept in one place, `Session._ear_wanted`: while we speak,
and for a while after, nothing but (if so configured) the wake word gets any sound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from edge_agent.language.guards import is_stop
from edge_agent.voice.events import (
    Action,
    Answered,
    Ask,
    BeSilent,
    ButtonDown,
    ButtonUp,
    CallOff,
    Ear,
    Event,
    Listen,
    Mode,
    Muted,
    Play,
    Played,
    Reported,
    Say,
    Sound,
    Speech,
    Stopped,
    Switched,
    Tick,
    Timer,
    Transcribe,
    Transcribed,
    Woken,
)

_SLACK = 1.0
"""Seconds that the endpoint has to tell that nothing was said, before we stop waiting for it."""


class State(StrEnum):
    """What the voice is doing."""

    ASLEEP = "asleep"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    FOLLOW_UP = "follow-up"
    """Listening for the answer to a question, with no wake word."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How the voice behaves; times in seconds."""

    mode: Mode = Mode.WAKE_WORD
    wake_while_speaking: bool = False
    """Whether the wake word interrupts what we say; needs a microphone that does not hear us."""
    patience: float = 5.0
    """To begin a sentence after the wake word or a tap on the button."""
    follow_up: float = 6.0
    """To begin the answer to a question."""
    tail: float = 0.5
    """For which the room still sounds of us after we spoke."""
    earcon: float = 0.4
    """How long an earcon sounds, at the most."""
    tap: float = 0.5
    """A shorter press of the button is a tap: the end of the speech is found, not waited for."""
    longest_listening: float = 25.0
    """After which listening ends in any case, should the sound have stopped coming."""
    longest_thinking: float = 30.0
    longest_speaking: float = 60.0
    misunderstandings: int = 2
    """So many in a row end in silence."""
    forget: float = 60.0
    """After which a misunderstanding is no longer in a row with the next."""
    reports: int = 8
    """So many wait to be told, the newest: who talks to us all the time hears no long list."""


@dataclass(frozen=True, slots=True)
class _Now:
    """All that is remembered."""

    mode: Mode
    state: State = State.ASLEEP
    turn: int = 0
    ear: Ear = Ear.CLOSED
    deadline: float | None = None
    """When the state is over in any case."""
    fresh: bool = True
    """Whether what the ear heard so far is no longer of interest."""
    quiet_until: float = -math.inf
    """Until when the room sounds of us."""
    timer: float | None = None
    muted: bool = False
    pressed: float | None = None
    """Since when the button is held."""
    began: bool = False
    """Whether speech began in this turn."""
    invited: bool = False
    """Whether somebody woke us for this turn, or we asked: then we owe a sign."""
    question: bool = False
    """Whether what we say is a question."""
    misunderstood: int = 0
    misunderstood_at: float = -math.inf
    reports: tuple[Reported, ...] = ()
    """What is to be told once nobody speaks or listens."""


class Session:
    """One conversation at one microphone; to be used by one thread.

    `handle` takes the time of each event in seconds of a clock that never goes back.
    """

    def __init__(self, settings: SessionSettings) -> None:
        """Asleep and deaf until `start`."""
        self._settings = settings
        self._now = _Now(settings.mode)
        self._actions: list[Action] = []

    @property
    def state(self) -> State:
        """What the voice is doing."""
        return self._now.state

    @property
    def ear(self) -> Ear:
        """Who gets the sound of the microphone."""
        return self._now.ear

    @property
    def turn(self) -> int:
        """The number of the turn; events of earlier ones are ignored."""
        return self._now.turn

    def start(self, now: float) -> Sequence[Action]:
        """The actions to begin with."""
        return self._settle(now)

    def handle(self, event: Event, now: float) -> Sequence[Action]:
        """What to do about an event."""
        self._expire(now)
        match event:
            case Woken():
                self._woken(now)
            case ButtonDown():
                self._pressed(now)
            case ButtonUp():
                self._released(now)
            case Speech():
                self._speech(event, now)
            case Transcribed(turn=turn, readings=readings):
                self._transcribed(turn, readings, now)
            case Answered():
                self._answered(event, now)
            case Played(turn=turn):
                self._played(turn, now)
            case Reported():
                self._set(reports=(*self._now.reports, event)[-self._settings.reports :])
            case Stopped():
                self._end(now)
            case Muted(muted=muted):
                self._mute(muted=muted)
            case Switched(mode=mode):
                self._switch(mode)
            case Tick():
                self._set(timer=None)  # `_expire` and `_settle` know what is due
        self._report(now)
        return self._settle(now)

    def _woken(self, now: float) -> None:
        if Ear.WAKE in self._now.ear and self._now.pressed is None:
            self._listen(now)

    def _pressed(self, now: float) -> None:
        if self._now.muted:
            self._do(Play(Sound.ERROR))
        elif self._now.pressed is None:
            self._listen(now)
            self._set(pressed=now)

    def _released(self, now: float) -> None:
        since = self._now.pressed
        self._set(pressed=None)
        if since is None or self._now.state is not State.LISTENING:
            return
        if now - since < self._settings.tap:
            return
        if Ear.SPEECH in self._now.ear:
            self._think(now, whole=True)
        else:
            self._sleep()  # the room sounded of us all the time

    def _speech(self, speech: Speech, now: float) -> None:
        if Ear.SPEECH not in self._now.ear:
            return
        held = self._now.pressed is not None
        match speech, self._now.state:
            case Speech.BEGAN, State.LISTENING:
                self._set(began=True)
            case Speech.BEGAN, State.FOLLOW_UP:
                self._enter(State.LISTENING, now + self._settings.longest_listening)
                self._set(began=True)
            case Speech.BEGAN, State.ASLEEP:
                self._turn(State.LISTENING, now + self._settings.longest_listening)
                self._set(began=True, fresh=False)
            case Speech.NONE, State.LISTENING | State.FOLLOW_UP if not held:
                self._sleep()
            case Speech.ENDED, State.LISTENING if self._now.began and not held:
                self._think(now)
            case Speech.TOO_LONG, State.LISTENING:
                # To nobody in particular, so much is said by a radio.
                if self._now.invited:
                    self._think(now, whole=held)
                else:
                    self._sleep()

    def _transcribed(self, turn: int, readings: tuple[str, ...], now: float) -> None:
        if turn != self._now.turn or self._now.state is not State.THINKING:
            return
        if not readings:
            self._misunderstood(now, None)
        elif is_stop(readings[0]):
            self._do(CallOff())
            self._end(now)
        else:
            self._do(Ask(turn, readings))

    def _answered(self, answer: Answered, now: float) -> None:
        if answer.turn != self._now.turn or self._now.state is not State.THINKING:
            return
        if not answer.understood:
            self._misunderstood(now, answer)
            return
        self._set(misunderstood=0)
        if answer.text:
            self._say(answer.text, now, question=answer.question)
        else:
            self._sign_off(Sound.DONE, now)

    def _misunderstood(self, now: float, answer: Answered | None) -> None:
        """Nothing was heard, or nothing could be made of it: say so, but not again and again."""
        before = self._now
        if not before.invited:
            self._sleep()  # it was hardly meant for us
            return
        lately = now - before.misunderstood_at <= self._settings.forget
        count = before.misunderstood + 1 if lately else 1
        self._set(misunderstood=count, misunderstood_at=now)
        if count >= self._settings.misunderstandings:
            self._sleep()
        elif answer is not None and answer.text:
            self._say(answer.text, now, question=answer.question)
        else:
            self._sign_off(Sound.ERROR, now)

    def _played(self, turn: int, now: float) -> None:
        if turn != self._now.turn or self._now.state is not State.SPEAKING:
            return
        asked = self._now.question
        self._fall_silent(now)
        if asked and not self._now.muted:
            opens = now + self._settings.tail
            self._turn(State.FOLLOW_UP, opens + self._settings.follow_up + _SLACK)
            self._set(invited=True)
        else:
            self._sleep()

    def _end(self, now: float) -> None:
        if self._now.state is State.SPEAKING:
            self._do(BeSilent())
            self._fall_silent(now)
        self._set(misunderstood=0, reports=())
        self._sleep()

    def _mute(self, *, muted: bool) -> None:
        self._set(muted=muted)
        if muted:
            self._listen_no_more()

    def _switch(self, mode: Mode) -> None:
        if mode is not self._now.mode:
            self._set(mode=mode)
            self._listen_no_more()

    def _report(self, now: float) -> None:
        """Tell the next thing that waits to be told, if the room is quiet."""
        waiting = self._now.reports
        if not waiting or self._now.state is not State.ASLEEP or now < self._now.quiet_until:
            return
        self._set(reports=waiting[1:])
        self._sleep()  # a turn of its own
        self._say(waiting[0].text, now, question=waiting[0].question)

    def _expire(self, now: float) -> None:
        """End a state that took too long, before anything else can happen in it."""
        deadline = self._now.deadline
        if deadline is None or now < deadline:
            return
        match self._now.state:
            case State.SPEAKING:
                self._do(BeSilent())
                self._fall_silent(now)
                self._sleep()
            case State.THINKING:
                self._do(CallOff())
                self._give_up(now)
            case State.LISTENING:
                self._give_up(now)
            case _:
                self._sleep()
        self._set_ear(now)

    # What states have in common.

    def _listen(self, now: float) -> None:
        """Begin a turn that somebody asked for; the earcon sounds when the ear opens."""
        if self._now.state is State.SPEAKING:
            self._do(BeSilent())
            self._fall_silent(now)
        opens = max(now, self._now.quiet_until)
        self._turn(State.LISTENING, opens + self._settings.longest_listening)
        self._set(invited=True)

    def _think(self, now: float, *, whole: bool = False) -> None:
        self._enter(State.THINKING, now + self._settings.longest_thinking)
        self._do(Transcribe(self._now.turn, whole))

    def _say(self, text: str, now: float, *, question: bool) -> None:
        self._enter(State.SPEAKING, now + self._settings.longest_speaking)
        self._set(question=question)
        self._set_ear(now)  # before it is heard
        self._do(Say(self._now.turn, text))

    def _listen_no_more(self) -> None:
        if self._now.state in {State.LISTENING, State.FOLLOW_UP}:
            self._sleep()

    def _give_up(self, now: float) -> None:
        if self._now.invited:
            self._sign_off(Sound.ERROR, now)
        else:
            self._sleep()

    def _sign_off(self, sound: Sound, now: float) -> None:
        self._set(quiet_until=max(self._now.quiet_until, now + self._settings.earcon))
        self._sleep()
        self._set_ear(now)
        self._do(Play(sound))

    def _fall_silent(self, now: float) -> None:
        self._set(quiet_until=now + self._settings.tail, question=False)

    def _sleep(self) -> None:
        """End the turn; what still comes of it is ignored."""
        self._turn(State.ASLEEP, None)

    def _turn(self, state: State, deadline: float | None) -> None:
        self._set(turn=self._now.turn + 1, fresh=True, began=False, invited=False, pressed=None)
        self._enter(state, deadline)

    def _enter(self, state: State, deadline: float | None) -> None:
        self._set(state=state, deadline=deadline)

    def _set(self, **changes: Any) -> None:
        self._now = replace(self._now, **changes)

    def _do(self, action: Action) -> None:
        self._actions.append(action)

    # What follows from the state, whatever led to it.

    def _ear_wanted(self, now: float) -> Ear:
        settings, state, mode = self._settings, self._now.state, self._now.mode
        wake = Ear.WAKE if mode is Mode.WAKE_WORD else Ear.CLOSED
        if self._now.muted:
            return Ear.CLOSED
        if state is State.SPEAKING or now < self._now.quiet_until:
            return wake if settings.wake_while_speaking else Ear.CLOSED
        match state:
            case State.LISTENING | State.FOLLOW_UP:
                return Ear.SPEECH | wake
            case State.ASLEEP if mode is Mode.ALWAYS:
                return Ear.SPEECH
            case _:
                return wake

    def _settle(self, now: float) -> Sequence[Action]:
        """Set ear and timer as the state has it, and hand out what is to be done."""
        self._set_ear(now)
        quiet = self._now.quiet_until if now < self._now.quiet_until else None
        times = [time for time in (self._now.deadline, quiet) if time is not None]
        timer = min(times, default=None)
        if timer is not None and timer != self._now.timer:
            self._do(Timer(timer))
        self._set(timer=timer)
        actions, self._actions = self._actions, []
        return actions

    def _set_ear(self, now: float) -> None:
        ear, before = self._ear_wanted(now), self._now
        self._set(ear=ear, fresh=False)
        if ear is before.ear and not (before.fresh and Ear.SPEECH in ear):
            return
        if Ear.SPEECH not in ear or before.state is State.ASLEEP:
            self._do(Listen(ear))
        elif before.state is State.FOLLOW_UP:
            self._do(Listen(ear, self._settings.follow_up))
        else:
            self._do(Listen(ear, self._settings.patience))
            # It sounds while the ear is open: who speaks on at once loses no word.
            self._do(Play(Sound.WAKE))
