"""The states of a voice: every transition, and what no sequence of events may lead to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from edge_agent.voice.session import Session, SessionSettings, State

WAKE, SPEECH, CLOSED = Ear.WAKE, Ear.SPEECH, Ear.CLOSED
BOTH = WAKE | SPEECH
ASLEEP, LISTENING, THINKING, SPEAKING, FOLLOW_UP = State

DOWN, UP = ButtonDown(), ButtonUp()
BEGAN, ENDED, NONE, TOO_LONG = Speech
DONE, ERROR = Play(Sound.DONE), Play(Sound.ERROR)
REPORT, BY_BUTTON = Reported("The fan is off."), Switched(Mode.PUSH_TO_TALK)


@dataclass
class Run:
    """A session, its clock, and all it ever did."""

    settings: SessionSettings = field(default_factory=SessionSettings)
    now: float = 100.0
    done: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(self.settings)
        self.done += self.session.start(self.now)

    @property
    def state(self) -> State:
        return self.session.state

    @property
    def turn(self) -> int:
        return self.session.turn

    def tell(self, *events: Event, after: float = 0.0) -> list[Action]:
        """What is done about events, but for timers."""
        self.now += after
        actions = [action for event in events for action in self.session.handle(event, self.now)]
        self.done += actions
        return [action for action in actions if not isinstance(action, Timer)]

    def wait(self, seconds: float) -> list[Action]:
        """Let time go by, with a tick for each timer as it is due."""
        end, done = self.now + seconds, []
        while True:
            timers = [action.at for action in self.done if isinstance(action, Timer)]
            if not timers or not self.now < timers[-1] <= end:
                break
            self.now = timers[-1]
            done += self.tell(Tick())
        self.now = end
        return done

    def hear(self, *readings: str) -> list[Action]:
        return self.tell(Transcribed(self.turn, readings))

    def answer(self, text: str = "The light is on.", **about: bool) -> list[Action]:
        return self.tell(Answered(self.turn, text, **about))


def run(mode: Mode = Mode.WAKE_WORD, **settings: float) -> Run:
    return Run(SessionSettings(mode=mode, **settings))


def reach(state: State, mode: Mode = Mode.WAKE_WORD, **settings: float) -> Run:
    """A session that came to a state as people bring it there."""
    it = run(mode, **settings)
    if state is ASLEEP:
        return it
    match mode:
        case Mode.WAKE_WORD:
            it.tell(Woken())
        case Mode.PUSH_TO_TALK:
            it.tell(DOWN)
            it.tell(UP, after=0.1)
        case Mode.ALWAYS:
            it.tell(BEGAN)
    if state is LISTENING:
        return it
    it.tell(BEGAN, ENDED, after=1.0)
    if state is not THINKING:
        it.hear("turn on the light")
        it.answer("Which light?", question=True)
    if state is FOLLOW_UP:
        it.tell(Played(it.turn))
        it.wait(0.5)
    assert it.state is state
    return it


def ears(mode: Mode) -> tuple[Ear, Ear, Ear]:
    """Who hears asleep, listening and thinking."""
    return {
        Mode.WAKE_WORD: (WAKE, BOTH, WAKE),
        Mode.PUSH_TO_TALK: (CLOSED, SPEECH, CLOSED),
        Mode.ALWAYS: (SPEECH, SPEECH, CLOSED),
    }[mode]


# Each row: from where, by what (a number stands for seconds that go by), what is done, whereto.
TABLE: list[tuple[State, Event | float, list[Action], State]] = [
    (ASLEEP, Woken(), [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (ASLEEP, DOWN, [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (ASLEEP, UP, [], ASLEEP),
    (ASLEEP, BEGAN, [], ASLEEP),
    (ASLEEP, ENDED, [], ASLEEP),
    (ASLEEP, NONE, [], ASLEEP),
    (ASLEEP, TOO_LONG, [], ASLEEP),
    (ASLEEP, Transcribed(0, ("hello",)), [], ASLEEP),
    (ASLEEP, Answered(0, "Hello."), [], ASLEEP),
    (ASLEEP, Played(0), [], ASLEEP),
    (ASLEEP, Stopped(), [], ASLEEP),
    (ASLEEP, Muted(True), [Listen(CLOSED)], ASLEEP),
    (ASLEEP, Muted(False), [], ASLEEP),
    (ASLEEP, REPORT, [Listen(CLOSED), Say(1, "The fan is off.")], SPEAKING),
    (ASLEEP, BY_BUTTON, [Listen(CLOSED)], ASLEEP),
    (ASLEEP, 3600.0, [], ASLEEP),
    (LISTENING, Woken(), [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (LISTENING, DOWN, [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (LISTENING, UP, [], LISTENING),
    (LISTENING, BEGAN, [], LISTENING),
    (LISTENING, ENDED, [], LISTENING),  # nothing had begun
    (LISTENING, NONE, [Listen(WAKE)], ASLEEP),
    (LISTENING, TOO_LONG, [Transcribe(1), Listen(WAKE)], THINKING),
    (LISTENING, Transcribed(1, ("hello",)), [], LISTENING),
    (LISTENING, Answered(1, "Hello."), [], LISTENING),
    (LISTENING, Played(1), [], LISTENING),
    (LISTENING, Stopped(), [Listen(WAKE)], ASLEEP),
    (LISTENING, Muted(True), [Listen(CLOSED)], ASLEEP),
    (LISTENING, Muted(False), [], LISTENING),
    (LISTENING, REPORT, [], LISTENING),
    (LISTENING, BY_BUTTON, [Listen(CLOSED)], ASLEEP),
    (LISTENING, 24.9, [], LISTENING),
    (LISTENING, 25.0, [Listen(CLOSED), ERROR], ASLEEP),
    (THINKING, Woken(), [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (THINKING, DOWN, [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (THINKING, UP, [], THINKING),
    (THINKING, BEGAN, [], THINKING),
    (THINKING, ENDED, [], THINKING),
    (THINKING, NONE, [], THINKING),
    (THINKING, TOO_LONG, [], THINKING),
    (THINKING, Transcribed(1, ("a", "b")), [Ask(1, ("a", "b"))], THINKING),
    (THINKING, Transcribed(0, ("a",)), [], THINKING),
    (THINKING, Transcribed(1, ()), [Listen(CLOSED), ERROR], ASLEEP),
    (THINKING, Transcribed(1, ("stop",)), [CallOff()], ASLEEP),
    (THINKING, Transcribed(1, ("never mind",)), [CallOff()], ASLEEP),
    (THINKING, Transcribed(0, ("stop",)), [], THINKING),
    (THINKING, Answered(1, "Done."), [Listen(CLOSED), Say(1, "Done.")], SPEAKING),
    (THINKING, Answered(1, "Hm?", question=True), [Listen(CLOSED), Say(1, "Hm?")], SPEAKING),
    (THINKING, Answered(1, "Hm.", understood=False), [Listen(CLOSED), Say(1, "Hm.")], SPEAKING),
    (THINKING, Answered(1, ""), [Listen(CLOSED), DONE], ASLEEP),
    (THINKING, Answered(1, "", question=True), [Listen(CLOSED), DONE], ASLEEP),
    (THINKING, Answered(1, "", understood=False), [Listen(CLOSED), ERROR], ASLEEP),
    (THINKING, Answered(0, "Done."), [], THINKING),
    (THINKING, Played(1), [], THINKING),
    (THINKING, Stopped(), [], ASLEEP),
    (THINKING, Muted(True), [Listen(CLOSED)], THINKING),
    (THINKING, Muted(False), [], THINKING),
    (THINKING, REPORT, [], THINKING),
    (THINKING, BY_BUTTON, [Listen(CLOSED)], THINKING),
    (THINKING, 29.9, [], THINKING),
    (THINKING, 30.0, [CallOff(), Listen(CLOSED), ERROR], ASLEEP),
    (SPEAKING, Woken(), [], SPEAKING),
    (SPEAKING, DOWN, [BeSilent()], LISTENING),
    (SPEAKING, UP, [], SPEAKING),
    (SPEAKING, BEGAN, [], SPEAKING),
    (SPEAKING, ENDED, [], SPEAKING),
    (SPEAKING, NONE, [], SPEAKING),
    (SPEAKING, TOO_LONG, [], SPEAKING),
    (SPEAKING, Transcribed(1, ("hello",)), [], SPEAKING),
    (SPEAKING, Answered(1, "Again."), [], SPEAKING),
    (SPEAKING, Played(1), [], FOLLOW_UP),
    (SPEAKING, Played(0), [], SPEAKING),
    (SPEAKING, Stopped(), [BeSilent()], ASLEEP),
    (SPEAKING, Muted(True), [], SPEAKING),
    (SPEAKING, Muted(False), [], SPEAKING),
    (SPEAKING, REPORT, [], SPEAKING),
    (SPEAKING, BY_BUTTON, [], SPEAKING),
    (SPEAKING, 59.9, [], SPEAKING),
    (SPEAKING, 60.0, [BeSilent()], ASLEEP),
    (FOLLOW_UP, Woken(), [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (FOLLOW_UP, DOWN, [Listen(BOTH, 5.0), Play(Sound.WAKE)], LISTENING),
    (FOLLOW_UP, UP, [], FOLLOW_UP),
    (FOLLOW_UP, BEGAN, [], LISTENING),
    (FOLLOW_UP, ENDED, [], FOLLOW_UP),
    (FOLLOW_UP, NONE, [Listen(WAKE)], ASLEEP),
    (FOLLOW_UP, TOO_LONG, [], FOLLOW_UP),
    (FOLLOW_UP, Transcribed(2, ("hello",)), [], FOLLOW_UP),
    (FOLLOW_UP, Answered(2, "Hello."), [], FOLLOW_UP),
    (FOLLOW_UP, Played(1), [], FOLLOW_UP),
    (FOLLOW_UP, Played(2), [], FOLLOW_UP),
    (FOLLOW_UP, Stopped(), [Listen(WAKE)], ASLEEP),
    (FOLLOW_UP, Muted(True), [Listen(CLOSED)], ASLEEP),
    (FOLLOW_UP, Muted(False), [], FOLLOW_UP),
    (FOLLOW_UP, REPORT, [], FOLLOW_UP),
    (FOLLOW_UP, BY_BUTTON, [Listen(CLOSED)], ASLEEP),
    (FOLLOW_UP, 6.9, [], FOLLOW_UP),
    (FOLLOW_UP, 7.0, [Listen(WAKE)], ASLEEP),
]


@pytest.mark.parametrize(("state", "event", "actions", "then"), TABLE)
def test_every_transition(
    state: State, event: Event | float, actions: list[Action], then: State
) -> None:
    it = reach(state)
    if isinstance(event, float):
        it.now += event
        done = it.tell(Tick())
    else:
        done = it.tell(event)
    assert done == actions
    assert it.state is then


def test_the_table_has_every_event_in_every_state() -> None:
    kinds = {
        (state, event if isinstance(event, Speech) else type(event)) for state, event, *_ in TABLE
    }
    events = {Woken, ButtonDown, ButtonUp, Transcribed, Answered, Played, Stopped, Muted, float}
    events |= {Reported, Switched}
    assert kinds == {(state, event) for state in State for event in {*events, *Speech}}


@pytest.mark.parametrize("mode", Mode)
def test_each_mode_opens_the_ear_for_what_it_needs(mode: Mode) -> None:
    asleep, listening, thinking = ears(mode)
    assert reach(ASLEEP, mode).session.ear is asleep
    assert reach(LISTENING, mode).session.ear is listening
    assert reach(THINKING, mode).session.ear is thinking
    assert reach(SPEAKING, mode).session.ear is CLOSED
    assert reach(FOLLOW_UP, mode).session.ear is listening


@pytest.mark.parametrize("mode", Mode)
def test_a_whole_turn_goes_from_sleep_to_sleep(mode: Mode) -> None:
    it = reach(THINKING, mode)
    asleep, _, thinking = ears(mode)
    assert it.hear("turn on the light", "turn on the lights") == [
        Ask(it.turn, ("turn on the light", "turn on the lights"))
    ]
    closes = [] if thinking is CLOSED else [Listen(CLOSED)]
    assert it.answer() == [*closes, Say(it.turn, "The light is on.")]
    assert it.tell(Played(it.turn), after=2.0) == []
    assert it.state is ASLEEP
    assert it.wait(0.4) == []
    assert it.wait(0.2) == ([] if asleep is CLOSED else [Listen(asleep)])
    assert it.wait(3600.0) == []


# Half-duplex and the follow-up window.


@pytest.mark.parametrize("mode", Mode)
def test_the_ear_is_closed_before_a_word_is_said(mode: Mode) -> None:
    it = reach(THINKING, mode)
    it.hear("hello")
    it.answer()
    assert it.session.ear is CLOSED
    said = next(at for at, action in enumerate(it.done) if isinstance(action, Say))
    ear = [action for action in it.done[:said] if isinstance(action, Listen)][-1]
    assert ear == Listen(CLOSED)


def test_what_was_said_is_taken_before_the_ear_forgets_it() -> None:
    it = reach(LISTENING)
    assert it.tell(BEGAN, ENDED) == [Transcribe(1), Listen(WAKE)]


def test_the_follow_up_opens_half_a_second_after_the_question() -> None:
    it = reach(SPEAKING)
    assert it.tell(Played(it.turn), after=2.0) == []
    assert it.session.ear is CLOSED
    assert it.wait(0.49) == []
    assert it.wait(0.02) == [Listen(BOTH, 6.0)]


def test_an_answer_to_a_question_needs_no_wake_word() -> None:
    it = reach(FOLLOW_UP)
    assert it.tell(BEGAN, after=1.0) == []
    assert it.tell(ENDED, after=1.0) == [Transcribe(it.turn), Listen(WAKE)]
    assert it.hear("the kitchen") == [Ask(it.turn, ("the kitchen",))]
    it.answer()
    it.tell(Played(it.turn))
    assert it.state is ASLEEP


def test_a_second_question_opens_a_window_of_its_own() -> None:
    it = reach(FOLLOW_UP)
    it.tell(BEGAN, ENDED)
    it.hear("the kitchen")
    it.answer("Which of them?", question=True)
    it.tell(Played(it.turn))
    assert it.state is FOLLOW_UP


@pytest.mark.parametrize("closing", [[NONE], [Stopped()], [Muted(True), Muted(False)]])
def test_a_closed_window_stays_closed(closing: list[Event]) -> None:
    it = reach(FOLLOW_UP)
    asked = it.turn - 1
    it.tell(*closing)
    it.tell(Played(asked), Played(asked + 1), Played(it.turn))
    assert it.state is ASLEEP
    assert it.wait(60.0) == []


def test_a_question_that_was_cut_off_opens_no_window() -> None:
    it = reach(SPEAKING)
    turn = it.turn
    it.tell(Stopped())
    it.tell(Played(turn))
    assert it.state is ASLEEP
    assert it.wait(0.6) == [Listen(WAKE)]


def test_a_question_to_a_muted_microphone_opens_no_window() -> None:
    it = reach(SPEAKING)
    it.tell(Muted(True), Played(it.turn))
    assert it.state is ASLEEP
    it.tell(Muted(False))
    assert it.wait(10.0) == [Listen(WAKE)]


def test_muted_while_the_window_is_about_to_open_it_stays_closed() -> None:
    it = reach(SPEAKING)
    it.tell(Played(it.turn))
    it.tell(Muted(True), after=0.2)
    assert it.wait(10.0) == []
    assert it.state is ASLEEP


def test_speech_that_begins_late_in_the_window_is_heard() -> None:
    it = reach(FOLLOW_UP)
    it.now += 6.2  # the endpoint tells a little after the fact
    it.tell(BEGAN)
    it.tell(ENDED, after=3.0)
    assert it.state is THINKING


def test_the_wake_word_interrupts_us_only_where_configured() -> None:
    it = reach(SPEAKING, wake_while_speaking=True)
    assert it.session.ear is WAKE
    assert it.tell(Woken()) == [BeSilent()]
    assert it.state is LISTENING
    assert it.wait(0.49) == []
    assert it.wait(0.02) == [Listen(BOTH, 5.0), Play(Sound.WAKE)]


def test_the_wake_word_right_after_we_spoke_counts_only_where_configured() -> None:
    for configured, then in ((False, ASLEEP), (True, LISTENING)):
        it = reach(THINKING, wake_while_speaking=configured)
        it.answer()
        it.tell(Played(it.turn))
        it.tell(Woken(), after=0.2)
        assert it.state is then


# Interruptions and calling off.


def test_a_new_sentence_takes_the_place_of_an_answer_that_is_late() -> None:
    it = reach(THINKING)
    old = it.turn
    it.hear("turn on the light")
    it.tell(Woken(), BEGAN)
    assert it.tell(Answered(old, "The light is on.")) == []
    assert it.tell(ENDED) == [Transcribe(it.turn), Listen(WAKE)]
    assert it.tell(Answered(old, "The light is on.")) == []
    assert it.state is THINKING


def test_the_button_cuts_us_short() -> None:
    it = reach(SPEAKING)
    assert it.tell(DOWN) == [BeSilent()]
    assert it.wait(0.6) == [Listen(BOTH, 5.0), Play(Sound.WAKE)]
    assert it.tell(BEGAN, UP, after=2.0) == [Transcribe(it.turn, whole=True), Listen(WAKE)]


def test_stop_said_after_an_interruption_calls_off_what_runs() -> None:
    it = reach(SPEAKING, wake_while_speaking=True)
    it.tell(Woken())
    it.wait(0.5)
    it.tell(BEGAN, ENDED, after=1.0)
    assert it.hear("stop") == [CallOff()]
    assert it.state is ASLEEP


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("mode", Mode)
def test_stop_ends_everything_from_anywhere(state: State, mode: Mode) -> None:
    it = reach(state, mode)
    done = it.tell(Stopped())
    assert CallOff() not in done  # that was done by whoever stopped it
    assert (BeSilent() in done) == (state is SPEAKING)
    assert it.state is ASLEEP
    turn = it.turn
    it.wait(1.0)
    for late in range(turn + 1):
        assert it.tell(Transcribed(late, ("hi",)), Answered(late, "Hi."), Played(late)) == []
    assert it.session.ear is ears(mode)[0]


# Misunderstandings.


def misunderstood(it: Run, *, heard: bool) -> list[Action]:
    """Wake it, and say something that nothing can be made of."""
    it.tell(Woken())
    it.tell(BEGAN, ENDED, after=1.0)
    if not heard:
        return it.hear()
    it.hear("blah")
    done = it.answer("Sorry?", question=True, understood=False)
    if it.state is SPEAKING:
        it.tell(Played(it.turn), after=1.0)
        it.wait(0.5)
    return done


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_two_misunderstood_turns_in_a_row_end_in_silence(first: bool, second: bool) -> None:
    it = run()
    assert any(isinstance(action, Say | Play) for action in misunderstood(it, heard=first)[1:])
    it.wait(1.0)
    done = misunderstood(it, heard=second)
    assert it.state is ASLEEP
    assert not any(isinstance(action, Say | Play) for action in done)
    it.wait(1.0)
    assert not any(isinstance(action, Say | Play) for action in misunderstood(it, heard=first))


def test_a_misunderstood_answer_to_what_was_misunderstood_ends_in_silence() -> None:
    it = run()
    misunderstood(it, heard=True)
    assert it.state is FOLLOW_UP
    it.tell(BEGAN, ENDED)
    it.hear("blah blah")
    assert it.answer("Sorry?", question=True, understood=False) == []
    assert it.state is ASLEEP


@pytest.mark.parametrize("between", ["understood", "stop", "a while"])
def test_what_comes_between_misunderstandings_keeps_them_apart(between: str) -> None:
    it = run()
    misunderstood(it, heard=False)
    it.wait(1.0)
    if between == "a while":
        it.wait(61.0)
    elif between == "stop":
        it.tell(Stopped())
    else:
        it.tell(Woken(), BEGAN, ENDED)
        it.hear("turn on the light")
        it.answer("")
        it.wait(1.0)
    assert ERROR in misunderstood(it, heard=False)


# Push to talk.


def test_a_held_button_waits_for_its_release() -> None:
    it = run(Mode.PUSH_TO_TALK)
    assert it.tell(DOWN) == [Listen(SPEECH, 5.0), Play(Sound.WAKE)]
    assert it.tell(BEGAN, ENDED, BEGAN, ENDED, NONE, DOWN, Woken(), after=2.0) == []
    assert it.tell(UP, after=1.0) == [Transcribe(1, whole=True), Listen(CLOSED)]


def test_what_is_said_too_softly_for_the_endpoint_counts_while_the_button_is_held() -> None:
    it = run(Mode.PUSH_TO_TALK)
    it.tell(DOWN)
    assert it.tell(UP, after=2.0) == [Transcribe(1, whole=True), Listen(CLOSED)]


def test_a_held_button_does_not_listen_for_ever() -> None:
    it = run(Mode.PUSH_TO_TALK)
    it.tell(DOWN, BEGAN)
    assert it.tell(TOO_LONG, after=12.0) == [Transcribe(1, whole=True), Listen(CLOSED)]
    assert it.tell(UP) == []
    assert it.state is THINKING


def test_a_tap_leaves_the_end_to_the_endpoint() -> None:
    it = run(Mode.PUSH_TO_TALK)
    it.tell(DOWN)
    assert it.tell(UP, after=0.2) == []
    assert it.tell(BEGAN, ENDED, after=2.0) == [Transcribe(1), Listen(CLOSED)]


def test_a_button_that_is_let_go_before_the_ear_opens_does_nothing() -> None:
    it = reach(SPEAKING, Mode.PUSH_TO_TALK, tail=1.0)
    it.tell(DOWN)
    assert it.tell(UP, after=0.8) == []
    assert it.state is ASLEEP
    assert it.wait(60.0) == []


def test_a_button_on_a_muted_microphone_is_answered_with_an_error() -> None:
    it = run(Mode.PUSH_TO_TALK)
    it.tell(Muted(True))
    assert it.tell(DOWN, UP) == [ERROR]
    assert it.state is ASLEEP


def test_the_wake_word_is_nothing_to_a_daemon_with_a_button() -> None:
    it = run(Mode.PUSH_TO_TALK)
    assert it.tell(Woken()) == []
    assert it.state is ASLEEP


# Always listening.


def test_always_listening_hears_a_sentence_without_any_sign() -> None:
    it = run(Mode.ALWAYS)
    assert it.done == [Listen(SPEECH)]
    assert it.tell(BEGAN) == []
    assert it.tell(ENDED, after=1.0) == [Transcribe(1), Listen(CLOSED)]
    assert it.hear("turn on the light") == [Ask(1, ("turn on the light",))]


@pytest.mark.parametrize("heard", [True, False])
def test_always_listening_never_butts_in(heard: bool) -> None:
    it = reach(THINKING, Mode.ALWAYS)
    if heard:
        it.hear("and then she said no")
        done = it.answer("Sorry?", question=True, understood=False)
    else:
        done = it.hear()
    assert done == [Listen(SPEECH)]
    assert it.state is ASLEEP


def test_always_listening_drops_what_a_radio_says() -> None:
    it = reach(LISTENING, Mode.ALWAYS)
    assert it.tell(TOO_LONG, after=12.0) == [Listen(SPEECH)]
    assert it.state is ASLEEP


def test_always_listening_says_when_an_answer_to_its_question_was_not_understood() -> None:
    it = reach(FOLLOW_UP, Mode.ALWAYS)
    it.tell(BEGAN, ENDED)
    it.hear("blah")
    assert it.answer("Sorry?", understood=False) == [Say(it.turn, "Sorry?")]


# Reports of what was put off.


@pytest.mark.parametrize("mode", Mode)
def test_a_report_is_told_unasked_and_opens_no_window(mode: Mode) -> None:
    it = reach(ASLEEP, mode)
    ear = it.session.ear
    assert it.tell(REPORT)[-1] == Say(it.turn, REPORT.text)
    assert it.session.ear is CLOSED
    assert it.tell(Played(it.turn), after=2.0) == []
    assert it.state is ASLEEP
    assert it.wait(60.0) == ([] if ear is CLOSED else [Listen(ear)])


def test_a_report_that_asks_something_opens_a_window() -> None:
    it = run()
    it.tell(Reported("Shall I lock the door?", question=True))
    it.tell(Played(it.turn))
    assert it.state is FOLLOW_UP
    assert it.wait(0.6) == [Listen(BOTH, 6.0)]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("state", [LISTENING, THINKING, SPEAKING, FOLLOW_UP])
def test_a_report_waits_for_the_end_of_what_goes_on(state: State, mode: Mode) -> None:
    it = reach(state, mode)
    before = it.turn
    assert it.tell(REPORT) == []
    assert (it.state, it.turn) == (state, before)
    said = [action for action in it.wait(120.0) if isinstance(action, Say)]
    assert [action.text for action in said] == [REPORT.text]


def test_reports_are_told_in_their_order_with_a_pause_and_a_closed_ear_between() -> None:
    it = run()
    it.tell(REPORT, Reported("The lamp is on."))
    assert it.tell(Played(it.turn)) == []
    assert it.wait(0.49) == []
    assert it.wait(0.02) == [Say(it.turn, "The lamp is on.")]
    assert it.session.ear is CLOSED


def test_after_an_answer_a_report_waits_until_the_room_is_quiet() -> None:
    it = reach(THINKING)
    it.tell(REPORT)
    it.answer()
    assert it.tell(Played(it.turn), after=2.0) == []
    assert it.wait(0.4) == []
    assert it.wait(0.2) == [Say(it.turn, REPORT.text)]


def test_who_speaks_first_is_heard_first() -> None:
    it = run()
    it.tell(REPORT, Reported("The lamp is on."))
    it.tell(Played(it.turn))
    it.tell(DOWN)
    assert it.wait(0.6) == [Listen(BOTH, 5.0), Play(Sound.WAKE)]
    it.tell(BEGAN, UP, after=2.0)
    assert it.state is THINKING


def test_stop_leaves_nothing_to_report() -> None:
    it = run()
    it.tell(REPORT, Reported("The lamp is on."))
    assert it.tell(Stopped()) == [BeSilent()]
    assert it.wait(60.0) == [Listen(WAKE)]


def test_only_the_newest_reports_wait() -> None:
    it = reach(LISTENING, reports=2)
    it.tell(*(Reported(text) for text in ("one", "two", "three")))
    done = it.tell(NONE)
    done += it.tell(Played(it.turn))
    done += it.wait(1.0)
    assert [action.text for action in done if isinstance(action, Say)] == ["two", "three"]


def test_a_muted_microphone_keeps_no_report_from_being_told() -> None:
    it = run()
    it.tell(Muted(True))
    assert it.tell(REPORT) == [Say(1, REPORT.text)]


# Another way to be spoken to.


@pytest.mark.parametrize("before", Mode)
@pytest.mark.parametrize("after", Mode)
def test_after_a_change_of_mode_the_ear_is_open_for_what_it_needs(
    before: Mode, after: Mode
) -> None:
    it = reach(ASLEEP, before)
    it.tell(Switched(after))
    assert it.session.ear is ears(after)[0]


def test_the_same_mode_again_changes_nothing() -> None:
    it = reach(LISTENING)
    assert it.tell(Switched(Mode.WAKE_WORD)) == []
    assert it.state is LISTENING


def test_a_change_of_mode_while_muted_leaves_the_ear_closed() -> None:
    it = run()
    it.tell(Muted(True), Switched(Mode.ALWAYS))
    assert it.session.ear is CLOSED
    assert it.tell(Muted(False)) == [Listen(SPEECH)]


# Timers.


def test_a_tick_that_comes_early_is_asked_for_again() -> None:
    it = reach(SPEAKING)
    due = it.session.handle(Played(it.turn), it.now)
    assert Timer(it.now + 0.5) in due
    assert it.session.handle(Tick(), it.now + 0.4999) == [Timer(it.now + 0.5)]


def test_an_event_after_a_missed_tick_finds_the_state_over() -> None:
    it = reach(FOLLOW_UP)
    assert it.tell(BEGAN, after=30.0) == [Listen(WAKE)]
    assert it.state is ASLEEP


# Whatever happens.


texts = st.sampled_from(["turn on the light", "stop", "never mind", "which one"])
anything = st.one_of(
    st.sampled_from([Woken(), DOWN, UP, Stopped(), Tick(), Muted(True), Muted(False), *Speech]),
    st.builds(Transcribed, st.just(0), st.lists(texts, max_size=2).map(tuple)),
    st.builds(
        Answered,
        st.just(0),
        st.sampled_from(["", "Done."]),
        question=st.booleans(),
        understood=st.booleans(),
    ),
    st.builds(Played, st.just(0)),
    st.builds(Switched, st.sampled_from(Mode)),
    st.sampled_from([REPORT, Reported("Shall I?", question=True)]),
)


@dataclass(frozen=True)
class Step:
    """Something that happens after a pause: mostly what may come next, so that stories get far."""

    pause: float
    event: Event | int
    """A number picks among what may come next."""
    back: int
    """How many turns ago what the event is about began."""

    def pick(self, it: Run) -> Event:
        if isinstance(self.event, int):
            return likely(it)[self.event]
        if isinstance(self.event, Transcribed | Answered | Played):
            return replace(self.event, turn=max(0, it.turn - self.back))
        return self.event


stories = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, 5.0, 30.0]),
        st.one_of(st.integers(0, 2), st.integers(0, 2), anything),
        st.integers(0, 3),
    ),
    min_size=10,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(Mode), st.booleans(), stories)
def test_no_sequence_of_events_makes_it_hear_itself_or_ask_without_a_question(
    mode: Mode, wake: bool, story: Sequence[Step]
) -> None:
    it = Run(SessionSettings(mode=mode, wake_while_speaking=wake))
    world = World(WAKE if wake and mode is Mode.WAKE_WORD else CLOSED)
    world.carry_out(it.done, it.now)
    for step in story:
        event = step.pick(it)
        it.now += step.pause
        before = it.state
        actions = it.session.handle(event, it.now)
        allowed = world.allowed
        if isinstance(event, Switched):
            allowed = WAKE if wake and event.mode is Mode.WAKE_WORD else CLOSED
            world.allowed |= allowed  # until the last of the actions
        world.carry_out(actions, it.now)
        world.allowed = allowed
        world.check(it.now)
        if isinstance(event, Played) and event.turn == world.saying:
            world.hush(it.now)
        if it.state is FOLLOW_UP and before is not FOLLOW_UP:
            assert isinstance(event, Played)
            assert event.turn in world.questions
            world.questions.remove(event.turn)  # once per question
        if isinstance(event, Answered) and event.question and world.saying == event.turn:
            world.questions.add(event.turn)
        if isinstance(event, Stopped):
            assert it.state is ASLEEP
        assert (world.saying is not None) == (it.state is SPEAKING)
        assert world.ear is it.session.ear


def likely(it: Run) -> list[Event]:
    return {
        ASLEEP: [Woken(), DOWN, BEGAN],
        LISTENING: [BEGAN, ENDED, UP],
        THINKING: [
            Transcribed(it.turn, ("hello",)),
            Answered(it.turn, "Which?", question=True),
            Answered(it.turn, "Done."),
        ],
        SPEAKING: [Played(it.turn), Stopped(), DOWN],
        FOLLOW_UP: [BEGAN, Tick(), NONE],
    }[it.state]


class World:
    """What the actions come to: who hears, and whether we are to be heard."""

    def __init__(self, allowed: Ear) -> None:
        self.ear = CLOSED
        self.saying: int | None = None
        self.silent_since = -1.0
        self.questions: set[int] = set()
        self.allowed = allowed

    def carry_out(self, actions: Sequence[Action], now: float) -> None:
        for action in actions:
            match action:
                case Listen(ear=ear):
                    self.ear = ear
                case Say(turn=turn, text=text):
                    assert self.saying is None
                    self.saying = turn
                    if text == "Shall I?":  # a report that asks
                        self.questions.add(turn)
                case BeSilent():
                    assert self.saying is not None
                    self.hush(now)
            self.check(now)

    def hush(self, now: float) -> None:
        self.saying, self.silent_since = None, now

    def check(self, now: float) -> None:
        loud = self.saying is not None or now < self.silent_since + 0.5
        assert not loud or self.ear in self.allowed, "it hears itself"
