"""Other words for rooms and things, by which the search finds names that were not said.

They only widen what the model is shown; what a sentence means is decided by the model.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from edge_agent.core.entity import Kind

_SAME: Final = (
    "lounge living sitting family",
    "hall hallway corridor entrance entry foyer landing entryway",
    "toilet bathroom loo restroom washroom wc bath ensuite shower",
    "cellar basement",
    "loft attic",
    "office study den workroom workspace",
    "yard garden backyard lawn outside outdoor",
    "terrace patio deck porch balcony veranda",
    "nursery baby",
    "kid kids children child",
    "tv telly television",
    "hoover vacuum roomba robovac",
    "lamp light bulb lamps",
    "upstairs first upper",
    "downstairs ground lower",
    "laundry utility washing",
    "heater heating radiator",
    "ac aircon air conditioner",
    "socket plug outlet",
    "couch sofa settee",
    "fridge refrigerator",
    "boot trunk tailgate",
    "bonnet hood",
    "moonroof sunroof",
    "windscreen windshield",
    "left driver",
    "right passenger",
    "back rear",
    "mum mom",
)

_KINDS: Final[Mapping[Kind, str]] = {
    Kind.LIGHT: "light lamp bulb dark bright dim illuminate lit see read reading",
    Kind.OUTLET: "outlet plug socket",
    Kind.SWITCH: "switch hazard flasher warn recirculation pollen smell fume",
    Kind.BLIND: "blind shade cover sun glare",
    Kind.CURTAIN: "curtain drape sun",
    Kind.SHUTTER: "shutter roller sun",
    Kind.SHADE: "shade blind",
    Kind.AWNING: "awning",
    Kind.WINDOW: "window air",
    Kind.DOOR: "door",
    Kind.GARAGE_DOOR: "garage",
    Kind.GATE: "gate driveway",
    Kind.TRUNK: "trunk boot tailgate hatch",
    Kind.SUNROOF: "sunroof moonroof roof",
    Kind.LOCK: "lock door unlock deadbolt",
    Kind.FAN: "fan breeze air ventilation ventilator blow blowing blower vent stuffy",
    Kind.CLIMATE: (
        "thermostat heating heater heat warm warmer cold colder freezing chilly hot cool cooler ac "
        "aircon temperature degree climate radiator"
    ),
    Kind.VACUUM: "vacuum hoover clean cleaner robot roomba dirty floor dust crumb sweep",
    Kind.LAWN_MOWER: "mower mow lawn grass",
    Kind.VALVE: "valve water tap irrigation sprinkler hose gas",
    Kind.HUMIDIFIER: "humidifier humid humidity dry",
    Kind.DEHUMIDIFIER: "dehumidifier humid humidity damp",
    Kind.WATER_HEATER: "boiler water heater geyser",
    Kind.SIREN: "siren alarm",
    Kind.ALARM: "alarm arm disarm security",
    Kind.LIST: "list shopping grocery todo buy task",
    Kind.SCENE: "scene mode night movie",
    Kind.MEDIA_PLAYER: (
        "speaker music song track radio tv telly television stereo volume loud louder "
        "quiet quieter quieten play playing player sound mute audio tune listen hear navigation "
        "skip next previous pause"
    ),
    Kind.SENSOR: "sensor temperature humidity warm cold battery power energy",
    Kind.TRACKER: "where home phone",
    Kind.SEAT: "seat chair back bum butt massage leg cold warm hot heat cool",
    Kind.MIRROR: "mirror kerb",
    Kind.WIPER: "wiper wipe rain raining raindrop drizzle drizzling wet",
    Kind.STEERING_WHEEL: "steering wheel hand finger",
    Kind.DEFROSTER: "defroster defrost demist fog foggy fogged steamed misted ice frost see",
}


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in _SAME:
        words = frozenset(line.split())
        for word in words:
            found[word] = found.get(word, frozenset()) | words - {word}
    return found


OTHER_WORDS: Final[Mapping[str, frozenset[str]]] = _table()
"""Word -> words that mean much the same in a name."""


def hints(kind: Kind) -> Iterable[str]:
    """Words that make a thing of this kind likely to be meant."""
    return (*_KINDS.get(kind, "").split(), *kind.value.split())


COMMON_WORDS: Final = frozenset(
    "turn switch make could would please with from that this have what when where there which "
    "down open close shut start stop into some want need like just little more less bit much too "
    "very percent degrees degree half quarter right now then also and the for off put set get "
    "keep leave bring give take lower raise increase decrease still here about after before "
    "minutes minute hour hours seconds everything anything something every".split()
)
"""Words of sentences that are no misspelt names, and say little where a name has them."""

LITTLE_WORDS: Final = COMMON_WORDS | frozenset(
    "the a an my our of in on to at by is it i and no not go".split()
)
"""Words that hardly tell one name from another, however rare they are in names."""
