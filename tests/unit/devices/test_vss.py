import json

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Attribute, Kind, Risk
from edge_agent.core.state import Observation
from edge_agent.devices.vss import Signal, Vss, load_vss_json
from edge_agent.errors import ConfigError, DeviceError

DOOR = "Vehicle.Cabin.Door.Row1.DriverSide"


def car(*signals):
    adapter = Vss(signals)
    return adapter, {entity.name: entity for entity in adapter.known().upsert}


def number(path, low=0, high=100, unit="percent", datatype="uint8", **more):
    return Signal(f"Vehicle.{path}", datatype, "actuator", low, high, (), unit, **more)


def switch(path, kind="actuator", **more):
    return Signal(f"Vehicle.{path}", "boolean", kind, **more)


@pytest.mark.parametrize(
    ("signal", "name", "area"),
    [
        (number("Cabin.Door.Row1.DriverSide.Window.Position"), "driver window", "driver"),
        (number("Cabin.Door.Row1.Right.Window.Position"), "passenger window", "passenger"),
        (number("Cabin.Door.Row2.DriverSide.Window.Position"), "rear left window", "rear_left"),
        (number("Cabin.Door.Row2.Right.Window.Position"), "rear right window", "rear_right"),
        (number("Cabin.Seat.Row1.PassengerSide.HeatingCooling"), "passenger seat heating",
         "passenger"),
        (number("Cabin.HVAC.Station.Row1.Driver.FanSpeed"), "driver fan", "driver"),
        (number("Cabin.HVAC.Station.Row1.Driver.Temperature", None, None, "celsius", "float"),
         "driver temperature", "driver"),
        (switch("Cabin.HVAC.IsRearDefrosterActive"), "rear window defroster", None),
        (switch("Body.Trunk.Rear.IsOpen"), "trunk", None),
        (number("Cabin.Sunroof.Position"), "sunroof", None),
        (switch("Cabin.Light.AmbientLight.Row1.DriverSide.IsLightOn"), "driver ambient light",
         "driver"),
        (switch("Cabin.Light.AmbientLight.Row2.IsLightOn"), "rear ambient light", "row2"),
        (switch("Body.Mirrors.DriverSide.IsHeatingOn"), "driver mirror heating", "driver"),
        (number("Chassis.SteeringWheel.HeatingCooling"), "steering wheel heating", None),
        (switch("Cabin.IsWindowChildLockEngaged"), "cabin window child lock engaged", None),
        (switch("Cabin.Light.IsDomeOn", name="roof lamp", zone="Driver"), "roof lamp", "driver"),
    ],
)  # fmt: skip
def test_the_spoken_name_and_the_zone(signal, name, area):
    _, entities = car(signal)
    assert list(entities) == [name]
    assert entities[name].area == area


def test_the_driver_may_sit_on_the_right():
    adapter = Vss([switch("Cabin.Door.Row2.DriverSide.IsLocked")], driver="right")
    assert adapter.known().upsert[0].name == "rear right door"


def test_signals_of_one_thing_make_one_entity():
    adapter, entities = car(
        switch("Cabin.Door.Row1.DriverSide.IsLocked"),
        switch("Cabin.Door.Row1.DriverSide.IsOpen", "sensor"),
    )
    (door,) = entities.values()
    assert door.kind is Kind.DOOR
    assert door.capability(Attribute.LOCK).settable
    assert not door.capability(Attribute.OPENING).settable
    assert Observation(door.id, "lock", "locked") in adapter.observe(
        "vss/Vehicle/Cabin/Door/Row1/DriverSide/IsLocked", b"true"
    )


def test_signals_with_names_of_their_own_stay_apart():
    _, entities = car(
        number("Cabin.Infotainment.Media.Volume", name="volume"),
        Signal(
            "Vehicle.Cabin.Infotainment.Media.Action",
            "string",
            allowed=("PLAY", "STOP"),
            name="player",
        ),
    )
    assert set(entities) == {"volume", "player"}


@pytest.mark.parametrize(
    ("signal", "attribute", "value", "payload"),
    [
        (number("Cabin.Door.Row1.DriverSide.Window.Position"), "position", 40.0, "40"),
        (number("Cabin.Door.Row1.DriverSide.Window.Position"), "opening", "open", "100"),
        (number("Cabin.Door.Row1.DriverSide.Window.Position"), "opening", "closed", "0"),
        (number("Cabin.RearShade.Position"), "opening", "closed", "100"),
        (number("Cabin.Sunroof.Position", -100, 100, datatype="int8"), "opening", "closed", "0"),
        (switch("Cabin.Door.Row1.DriverSide.IsLocked"), "lock", "locked", "true"),
        (switch("Cabin.Door.Row1.DriverSide.IsLocked"), "lock", "unlocked", "false"),
        (number("Cabin.Seat.Row1.DriverSide.HeatingCooling", -100, datatype="int8"), "value",
         -30.0, "-30"),
        (number("Cabin.Seat.Row1.DriverSide.HeatingCooling", -100, datatype="int8"), "power",
         "off", "0"),
        (number("Cabin.HVAC.Station.Row1.Driver.FanSpeed"), "power", "on", "50"),
        (number("Cabin.HVAC.Station.Row1.Driver.FanSpeed"), "power", "off", "0"),
        (number("Cabin.Infotainment.Media.Volume"), "mute", "on", "0"),
        (number("Cabin.Seat.Row1.DriverSide.Massage.Level", 0, 5), "power", "on", "3"),
        (number("Cabin.Seat.Row1.DriverSide.Heating", 0, 3), "power", "on", "2"),
        (number("Cabin.HVAC.Station.Row1.Driver.Temperature", None, None, "celsius", "float"),
         "temperature", 21.5, "21.5"),
        (Signal("Vehicle.Cabin.HVAC.Station.Row1.Driver.AirDistribution", "string",
                allowed=("UP", "MIDDLE", "DOWN")), "option", "middle", "MIDDLE"),
        (Signal("Vehicle.Body.Windshield.Front.Wiping.Mode", "string",
                allowed=("OFF", "SLOW", "MEDIUM", "RAIN_SENSOR")), "option", "rain sensor",
         "RAIN_SENSOR"),
        (Signal("Vehicle.Body.Windshield.Front.Wiping.Mode", "string",
                allowed=("OFF", "SLOW", "MEDIUM")), "power", "on", "MEDIUM"),
        (Signal("Vehicle.Cabin.Sunroof.Switch", "string",
                allowed=("INACTIVE", "CLOSE", "OPEN")), "opening", "open", "OPEN"),
        (Signal("Vehicle.Cabin.Sunroof.Switch", "string",
                allowed=("INACTIVE", "CLOSE", "OPEN")), "command", "stop", "INACTIVE"),
        (Signal("Vehicle.Cabin.Light.AmbientLight.Row1.DriverSide.Color", "string"), "color",
         "red", "#FF0000"),
        (Signal("Vehicle.Cabin.Infotainment.Media.Action", "string",
                allowed=("PLAY", "STOP", "SKIP_FORWARD")), "command", "next", "SKIP_FORWARD"),
        (switch("Body.Mirrors.DriverSide.IsFolded"), "option", "folded", "true"),
        (number("Powertrain.TractionBattery.Charging.ChargeLimit"), "value", 80.0, "80"),
    ],
)  # fmt: skip
def test_a_command_is_byte_equal_and_its_echo_confirms_it(signal, attribute, value, payload):
    adapter, entities = car(signal)
    (entity,) = entities.values()
    (message,) = adapter.messages(Command(entity.id, attribute, value))
    assert message.topic == f"{signal.read_topic}/set"
    assert message.payload == payload.encode()
    assert adapter.command_topics == {message.topic}
    said = {
        change.attribute: change.value
        for change in adapter.observe(signal.read_topic, message.payload)
        if change.entity == entity.id
    }
    capability = entity.capability(attribute)
    assert capability.matches(value, said.get(attribute)) or not capability.readable


DENIED = [
    "Vehicle.ADAS.CruiseControl.SpeedSet",
    "Vehicle.ADAS.ABS.IsEnabled",
    "Vehicle.Body.Hood.IsOpen",
    "Vehicle.Body.Horn.IsActive",
    "Vehicle.Body.Lights.Backup.IsOn",
    "Vehicle.Body.Lights.Beam.High.IsOn",
    "Vehicle.Body.Lights.Brake.IsActive",
    "Vehicle.Body.Lights.DirectionIndicator.Left.IsSignaling",
    "Vehicle.Chassis.ParkingBrake.IsEngaged",
    "Vehicle.Chassis.Brake.PedalPosition",
    "Vehicle.Powertrain.Transmission.SelectedGear",
    "Vehicle.Powertrain.CombustionEngine.IsRunning",
    "Vehicle.Powertrain.Fake.ChargeLimit",
    "Vehicle.MotionManagement.Brake.Force",
    "Vehicle.Speed",
    "Vehicle.LowVoltageSystemState",
]


@pytest.mark.parametrize("path", DENIED)
@pytest.mark.parametrize("datatype", ["boolean", "uint8", "string"])
def test_a_denied_path_can_be_read_but_never_set(path, datatype):
    signal = Signal(path, datatype, "actuator", 0, 100, ("A", "B") if datatype == "string" else ())
    adapter, entities = car(signal)
    (entity,) = entities.values()
    assert entity.capabilities
    assert not any(capability.settable for capability in entity.capabilities)
    assert adapter.command_topics == frozenset()
    with pytest.raises(DeviceError):
        adapter.messages(Command(entity.id, entity.capabilities[0].attribute, "on"))


def test_hazard_lights_can_be_switched_on_but_never_off():
    adapter, _ = car(switch("Body.Lights.Hazard.IsSignaling"))
    path = "Vehicle.Body.Lights.Hazard.IsSignaling"
    assert adapter.messages(Command(path, "power", "on"))[0].payload == b"true"
    with pytest.raises(DeviceError):
        adapter.messages(Command(path, "power", "off"))


def test_doors_trunk_and_child_locks_are_guarded_and_never_in_all():
    for signal, attribute, risky, safe in [
        (switch("Cabin.Door.Row1.DriverSide.IsLocked"), "lock", "unlocked", "locked"),
        (switch("Cabin.Door.Row1.DriverSide.IsOpen"), "opening", "open", "closed"),
        (switch("Body.Trunk.Rear.IsOpen"), "opening", "open", "closed"),
        (number("Body.Trunk.Rear.Position"), "position", 10.0, 0.0),
        (switch("Cabin.Door.Row2.Left.IsChildLockActive"), "power", "off", "on"),
    ]:
        _, entities = car(signal)
        (entity,) = entities.values()
        assert entity.security
        assert entity.capability(attribute).risk_of(risky) is Risk.SECURITY
        assert entity.capability(attribute).risk_of(safe) is Risk.COMFORT


def test_what_a_row_has_several_of_is_spoken_of_together():
    door = "Cabin.Door.Row{}.{}.Window.Position"
    paths = [door.format(row, side) for row in (1, 2) for side in ("DriverSide", "PassengerSide")]
    known = Vss([number(path) for path in paths]).known()
    assert {group.names: group.members for group in known.groups} == {
        ("front windows",): tuple(one.id for one in known.upsert[:2]),
        ("rear windows", "back windows"): tuple(one.id for one in known.upsert[2:]),
    }
    assert Vss([number(paths[0]), number(paths[2])]).known().groups == ()


def test_a_temperature_has_a_range_of_its_own():
    signal = number("Cabin.HVAC.Station.Row1.Driver.Temperature", None, None, "celsius", "float")
    adapter, _ = car(signal)
    for outside in (15.0, 31.0):
        with pytest.raises(DeviceError, match="16 to 30 degrees"):
            adapter.messages(Command(signal.path, "temperature", outside))


def test_an_actuator_without_a_range_can_only_be_read():
    adapter, entities = car(number("Cabin.Something.Level", None, None, "", "float"))
    (entity,) = entities.values()
    assert "min and max" in entity.problem
    assert "min and max" in adapter.known().problems[0]
    assert adapter.command_topics == frozenset()


@pytest.mark.parametrize(
    ("datatype", "payload"),
    [
        ("boolean", b"1"),
        ("boolean", b"True"),
        ("boolean", b""),
        ("uint8", b"101"),
        ("uint8", b"-1"),
        ("uint8", b"1.5"),
        ("uint8", b"1e1"),
        ("uint8", b"1_0"),
        ("uint8", b"9" * 5000),
        ("float", b"nan"),
        ("float", b"inf"),
        ("float", b"1_0"),
        ("float", b"100.5"),
        ("string", b"C"),
        ("string", b"\xff"),
        ("uint8", b'{"value": 3}'),
    ],
)
def test_a_signal_that_cannot_be_read_is_unknown(datatype, payload):
    signal = Signal("Vehicle.Cabin.X.Y", datatype, "sensor", 0, 100, ("A", "B"))
    adapter, _ = car(signal)
    unknown = Observation("Vehicle.Cabin.X.Y", Attribute.VALUE, None)
    assert adapter.observe(signal.read_topic, payload) == (unknown,)


def test_every_signal_is_also_reported_raw_for_the_interlocks():
    brake = switch("Chassis.ParkingBrake.IsEngaged", "sensor")
    speed = number("Speed", None, None, "km/h", "float")
    adapter, _ = car(brake, speed)
    assert Observation(brake.path, "value", "true") in adapter.observe(brake.read_topic, b"true")
    assert adapter.observe(speed.read_topic, b"42.5") == (Observation(speed.path, "value", 42.5),)


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        (Signal("Vehicle..X", "uint8"), "path"),
        (Signal("Vehicle.X/Y", "uint8"), "path"),
        (Signal("Vehicle.X", "int7"), "datatype must be one of boolean"),
        (Signal("Vehicle.X", "uint8", min=3, max=3), "min must be less than max"),
        (Signal("Vehicle.X", "uint8", state_topic="a/#"), "state_topic"),
        (Signal("Vehicle.X", "uint8", command_topic=""), None),
        (Signal("Vehicle.X", "uint8", name="///"), "name"),
    ],
)
def test_a_signal_that_cannot_be_served_is_a_clear_error(signal, told):
    if told is None:
        assert Vss([signal]).known().upsert
        return
    with pytest.raises(ConfigError, match=told):
        Vss([signal])


TREE = {
    "Vehicle": {
        "type": "branch",
        "children": {
            "Speed": {"type": "sensor", "datatype": "float", "unit": "km/h"},
            "Cabin": {
                "type": "branch",
                "children": {
                    "RearShade": {
                        "type": "branch",
                        "children": {
                            "Position": {
                                "type": "actuator",
                                "datatype": "uint8",
                                "unit": "percent",
                                "min": 0,
                                "max": 100,
                            },
                            "Switch": {
                                "type": "actuator",
                                "datatype": "string",
                                "allowed": ["INACTIVE", "OPEN", "CLOSE"],
                            },
                        },
                    },
                    "Tags": {"type": "attribute", "datatype": "string[]"},
                },
            },
        },
    }
}


def test_an_export_is_loaded_as_far_as_it_is_allowed(tmp_path):
    file = tmp_path / "vss.json"
    file.write_text(json.dumps(TREE))
    signals = load_vss_json(file, ["Vehicle.Cabin.*"])
    assert [signal.path for signal in signals] == [
        "Vehicle.Cabin.RearShade.Position",
        "Vehicle.Cabin.RearShade.Switch",
    ]
    assert signals == load_vss_json(file.read_bytes(), ["Vehicle.Cabin.*"])
    assert load_vss_json(file, []) == ()
    _, entities = car(*signals)
    shade = entities["rear shade"]
    assert shade.capability(Attribute.POSITION).readable
    assert shade.capability(Attribute.COMMAND).domain.options == ("stop",)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"Vehicle": 1}', b"[" * 100_000])
def test_a_file_that_is_no_export_is_a_clear_error(tmp_path, data):
    file = tmp_path / "vss.json"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"vss\.json"):
        load_vss_json(file, ["*"])
    with pytest.raises(ConfigError, match="missing"):
        load_vss_json(tmp_path / "missing.json", ["*"])
