"""The matrix of contract section 4: origin, risk class, direction, PIN."""

import itertools

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Capability, Choice, Entity, Kind, Origin, Range, Risk
from edge_agent.core.policy import Decision, Policy, Verdict, decide, strictest
from edge_agent.core.registry import Changes, Registry

ALLOW, CONFIRM, PIN, DENY = Verdict

OPENS = frozenset({"open"})
DOOR = Entity(
    "cover.garage",
    "garage door",
    Kind.GARAGE_DOOR,
    (
        Capability("opening", Choice(("open", "closed")), guarded=OPENS),
        Capability("position", Range(0, 100), guarded=OPENS),
    ),
    security=True,
)
LOCK = Entity(
    "lock.front",
    "front door",
    Kind.LOCK,
    (Capability("lock", Choice(("locked", "unlocked")), guarded=frozenset({"unlocked"})),),
    security=True,
)
LAMP = Entity("light.lamp", "lamp", Kind.LIGHT, (Capability("power", Choice(("on", "off"))),))
SIREN = Entity(
    "siren.attic",
    "siren",
    Kind.SIREN,
    (Capability("power", Choice(("on", "off")), risk=Risk.CAUTION),),
)
HOME = Registry().apply(Changes(upsert=(DOOR, LOCK, LAMP, SIREN)))

LETS_IN = [
    Command("cover.garage", "opening", "open"),
    Command("cover.garage", "position", 1),
    Command("cover.garage", "position", 100.0),
    Command("lock.front", "lock", "unlocked"),
]
HARMLESS = [
    Command("cover.garage", "opening", "closed"),
    Command("cover.garage", "position", 0),
    Command("lock.front", "lock", "locked"),
    Command("light.lamp", "power", "on"),
    Command("siren.attic", "power", "on"),
]


def verdict(command, origin, **policy):
    return decide(command, origin, HOME, Policy(**policy)).verdict


@pytest.mark.parametrize("command", LETS_IN + HARMLESS)
@pytest.mark.parametrize("pin", [None, "1234"])
def test_commands_over_mqtt_act_at_once(command, pin):
    assert verdict(command, Origin.COMMAND, pin=pin) is ALLOW


@pytest.mark.parametrize("command", LETS_IN)
def test_voice_asks_before_it_lets_somebody_in(command):
    assert verdict(command, Origin.VOICE) is CONFIRM
    assert verdict(command, Origin.VOICE, pin="1234") is PIN


@pytest.mark.parametrize("command", HARMLESS)
@pytest.mark.parametrize("pin", [None, "1234"])
def test_closing_and_locking_never_ask(command, pin):
    assert verdict(command, Origin.VOICE, pin=pin) is ALLOW


@pytest.mark.parametrize(
    ("origin", "risk", "set_to"), list(itertools.product(Origin, Risk, Verdict))
)
def test_every_cell_of_the_table_is_obeyed(origin, risk, set_to):
    command = {
        Risk.COMFORT: HARMLESS[3],
        Risk.CAUTION: HARMLESS[4],
        Risk.SECURITY: LETS_IN[0],
    }[risk]
    rest = dict.fromkeys(Risk, ALLOW)
    verdicts = dict.fromkeys(Origin, rest) | {origin: rest | {risk: set_to}}
    assert verdict(command, origin, verdicts=verdicts) is set_to
    other = next(each for each in Origin if each is not origin)
    assert verdict(command, other, verdicts=verdicts) is ALLOW


@pytest.mark.parametrize("origin", list(Origin))
def test_denied_entities_are_never_commanded(origin):
    for pattern in ("light.*", "light.lam?", "*"):
        decision = decide(HARMLESS[3], origin, HOME, Policy(deny=(pattern,)))
        assert decision == Decision(DENY, "the configuration forbids it")
    assert verdict(HARMLESS[3], origin, deny=("lock.*",)) is ALLOW


def test_listed_entities_are_confirmed_in_both_directions():
    assert verdict(LETS_IN[3], Origin.COMMAND, confirm=("lock.*",)) is CONFIRM
    assert verdict(HARMLESS[2], Origin.COMMAND, confirm=("lock.*",)) is CONFIRM
    assert verdict(LETS_IN[3], Origin.COMMAND, confirm=("lock.*",), pin="1") is PIN
    assert verdict(HARMLESS[2], Origin.COMMAND, confirm=("lock.*",), pin="1") is CONFIRM


def test_confirmation_never_softens_a_stricter_verdict():
    verdicts = dict.fromkeys(Origin, dict.fromkeys(Risk, DENY))
    assert verdict(LETS_IN[3], Origin.VOICE, verdicts=verdicts, confirm=("*",)) is DENY


@pytest.mark.parametrize("origin", list(Origin))
def test_what_is_gone_is_denied(origin):
    assert verdict(Command("lock.gone", "lock", "locked"), origin) is DENY
    assert verdict(Command("light.lamp", "lock", "locked"), origin) is DENY


def test_a_plan_obeys_its_strictest_decision():
    decisions = [Decision(each) for each in (ALLOW, PIN, CONFIRM)]
    assert strictest(decisions).verdict is PIN
    assert strictest([*decisions, Decision(DENY, "no")]) == Decision(DENY, "no")
    assert strictest([]).verdict is ALLOW
