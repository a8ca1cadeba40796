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
    "fast speed",
    "far range",
    "charge charger charging",
    "weather forecast rain raining umbrella snow snowing sunny cloudy storm raincoat wind windy",
)

_KINDS: Final[Mapping[Kind, str]] = {
    Kind.LIGHT: "light lamp bulb dark bright dim illuminate lit see read reading",
    Kind.OUTLET: "outlet plug socket",
    Kind.SWITCH: (
        "switch hazard flasher warn recirculation recirculate pollen smell fume stink stinking "
        "stench reek exhaust diesel manure tunnel"
    ),
    Kind.BLIND: "blind shade cover sun glare",
    Kind.CURTAIN: "curtain drape sun",
    Kind.SHUTTER: "shutter roller sun",
    Kind.SHADE: "shade blind sun glare blinding dazzled dazzling squinting sky star above look",
    Kind.AWNING: "awning",
    Kind.WINDOW: "window air glass wind windy draught breeze",
    Kind.DOOR: "door",
    Kind.GARAGE_DOOR: "garage",
    Kind.GATE: "gate driveway",
    Kind.TRUNK: "trunk boot tailgate hatch",
    Kind.SUNROOF: "sunroof moonroof roof above",
    Kind.LOCK: "lock door unlock deadbolt",
    Kind.FAN: (
        "fan breeze air airflow airless ventilation ventilator blow blowing blower vent stuffy "
        "stifling wind draught"
    ),
    Kind.CLIMATE: (
        "thermostat heating heater heat warm warmer cold colder freezing chilly hot cool cooler ac "
        "aircon temperature temp degree climate radiator warmth cooling coldest hottest chill "
        "boiling roasting baking melting sweating sweat sweaty shivering shiver numb toe feet"
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
    Kind.SEAT: (
        "seat chair back bum butt bottom backside rear arse massage massaging knead kneading spine "
        "shoulder muscle leg legroom knee pedal reach sitting sit cold warm hot heat cool"
    ),
    Kind.MIRROR: "mirror kerb narrow tight squeezing",
    Kind.WIPER: (
        "wiper wipe rain raining raindrop drop drizzle drizzling pouring snowing spray splashed wet"
    ),
    Kind.STEERING_WHEEL: "steering wheel hand finger glove palm",
    Kind.DEFROSTER: (
        "defroster defrost demist defog fog foggy fogged fogging steamed steaming steamy misted "
        "misting misty ice icy iced frozen frost thaw condensation windscreen windshield see"
    ),
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


CLASS_WORDS: Final[Mapping[str, frozenset[str]]] = {
    noun: frozenset(words.split())
    for noun, words in {
        "batteries": "battery batteries flat dying charge",
        "chargers": "charging charger charged charge plugged",
        "smoke sensors": "smoke smoky smoking fire burning burn",
        "carbon monoxide sensors": "carbon monoxide co",
        "gas sensors": "gas",
        "heat sensors": "heat hot overheating overheated",
        "frost sensors": "frost cold freezing frozen",
        "leak sensors": (
            "leak leaks leaking leaky leaked water flood flooding flooded wet moisture puddle drip "
            "dripping damp dry"
        ),
        "motion sensors": (
            "motion movement moving moved move triggered trigger tripped occupied occupancy "
            "unoccupied presence empty free somebody someone anybody anyone nobody noone person"
        ),
        "moving sensors": "moving move moved still",
        "vibration sensors": "vibration vibrating shaking shake rattling tremor",
        "sound sensors": "sound noise noisy loud hear",
        "daylight sensors": "daylight light",
        "tamper sensors": "tamper tampered tampering fiddled messed",
        "safety sensors": "safe unsafe safety danger dangerous",
        "problems": (
            "problem problems wrong broken fault faults faulty trouble issue issues error errors "
            "okay ok fine alright"
        ),
        "machines": "running run runs machine machines appliance appliances done finished going",
        "cables": "plugged unplugged plug cable cables",
        "connections": (
            "connected connection connections disconnected offline online internet network wifi "
            "reachable unreachable connectivity"
        ),
        "updates": "update updates updated updating updatable upgrade upgrades firmware outdated",
        "people": (
            "who home everyone everybody anyone anybody someone somebody nobody noone people "
            "person family house left away"
        ),
        "openings": ("open opened closed shut openings"),
        "things": "anything something everything nothing what thing device",
    }.items()
}
"""By class of things, the words that bring it to mind; it is offered where one is said."""

COMMON_WORDS: Final = frozenset(
    "turn switch make could would please with from that this have what when where there which "
    "down open close shut start stop into some want need like just little more less bit much too "
    "very percent degrees degree half quarter right now then also and the for off put set get "
    "keep leave bring give take lower raise increase decrease still here about after before "
    "minutes minute hour hours seconds everything anything something every".split()
)
"""Words of sentences that are no misspelt names, and say little where a name has them."""

LITTLE_WORDS: Final = COMMON_WORDS | frozenset(
    "the a an my our of in on to at by is am it i and no not go".split()
)
"""Words that hardly tell one name from another, however rare they are in names."""
