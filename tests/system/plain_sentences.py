"""How many of 20 plain sentences do the right thing in the demo: an honest count, no test.

python tests/system/plain_sentences.py runs `edge-agent demo --say` once for each sentence.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A sentence, the device attributes that it must change, and words of the answer."""

    say: str
    changes: frozenset[tuple[str, str]]
    answer: str = ""


def _case(say: str, *changes: str, answer: str = "") -> Case:
    pairs = (change.rpartition(" ") for change in changes)
    return Case(say, frozenset((device, attribute) for device, _, attribute in pairs), answer)


_WINDOW = "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position value"
_DEFROSTER = "Vehicle.Cabin.HVAC.IsRearDefrosterActive value"

CASES = (
    _case("turn on the kitchen light", "kitchen_light power", answer="on"),
    _case("switch on the desk lamp please", "desk_lamp state", answer="on"),
    _case("set the bedside lamp to 40 percent", "bedside_lamp brightness", answer="40 percent"),
    _case("make the counter lights red", "counter_lights rgb", answer="red"),
    _case("turn on the coffee machine", "coffee_machine state", answer="on"),
    _case("turn off the printer", "printer power", answer="off"),
    _case("close the living room curtains", "living_room_curtains position"),
    _case("close the bedroom blinds", "bedroom_blinds position"),
    _case("set the roller shutter to 50 percent", "kids_shutter position"),
    _case("unlock the front door", "front_door_lock state", answer="unlocked"),
    _case("unlock the back door", "back_door lock", answer="unlocked"),
    _case("set the thermostat to 22 degrees", "living_room_thermostat temperature", answer="22"),
    _case("turn on the air conditioner", "bedroom_ac mode"),
    _case("turn on the ceiling fan", "bedroom_fan power", answer="on"),
    _case("start the robot vacuum", "vacuum state"),
    _case("put butter on the shopping list", "shopping_list items"),
    _case("is the garage door open?", answer="closed"),
    _case(
        "turn on the hallway light and open the awning", "hallway_light power", "awning position"
    ),
    _case("open the driver window", _WINDOW),
    _case("turn on the rear defroster", _DEFROSTER, answer="on"),
)


def main() -> int:
    """Run all sentences; prints a line each and the count."""
    command = Path(sys.executable).with_name("edge-agent")
    right = 0
    for case in CASES:
        started = time.monotonic()
        run = subprocess.run(
            [command, "demo", "--json", "--say", case.say],
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - started
        seen = json.loads(run.stdout or "{}")
        changes = seen.get("changes", [])
        text = seen.get("response", {}).get("text", run.stderr[-200:])
        wanted, happened = case.changes, {(device, attribute) for device, attribute, *_ in changes}
        # A device may change more of itself (a lamp that is dimmed turns on), no other may change.
        good = (
            wanted <= happened
            and {device for device, _ in wanted} == {device for device, _ in happened}
            and case.answer in text.lower()
        )
        right += good
        print(f"{'right' if good else 'WRONG'}  {case.say!r} -> {seen.get('understood')!r}")
        print(f"       {text}  {[change[:2] + change[3:] for change in changes]}  {took:.1f} s")
    print(f"{right} of {len(CASES)} did the right thing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
