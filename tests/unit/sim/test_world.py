"""The simulated world on both brokers: mosquitto, and the one that the demo brings along."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_agent.errors import DeviceError, MqttError
from edge_agent.sim.accept import Words
from edge_agent.sim.broker import HOST, EmbeddedBroker
from edge_agent.sim.car import HEARTBEAT, SPEED, Car, load_car
from edge_agent.sim.crowd import many
from edge_agent.sim.device import Device
from edge_agent.sim.home import load_home
from edge_agent.sim.world import Fault, World

LAMP = "home/hallway/light"


class Ear:
    """A client that hears everything and can speak."""

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        host, _, port = url.removeprefix("mqtt://").partition(":")
        self._client.connect(host, int(port))
        self._client.loop_start()
        assert self._ready.wait(5)

    def say(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def hears(self, topic: str, payload: str | None = None, timeout: float = 5.0) -> bool:
        def heard() -> bool:
            return any(one[0] == topic and payload in (None, one[1]) for one in self.heard)

        with self._news:
            return self._news.wait_for(heard, timeout)

    def forget(self) -> None:
        with self._news:
            self.heard.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        with self._news:
            self.heard.append((message.topic, message.payload.decode(), message.retain))
            self._news.notify_all()


@pytest.fixture
def url() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        yield broker.url


@pytest.fixture
def ear(url: str) -> Iterator[Ear]:
    ear = Ear(url)
    yield ear
    ear.close()


@pytest.fixture
def world(url: str) -> Iterator[World]:
    wanted = {"hallway_light", "towel_warmer", "garage_door", "front_door_lock"}
    with World(url, [d for d in load_home(pace=0.05) if d.id in wanted]) as world:
        yield world


def changed(device: str, attribute: str, value: object) -> Callable[[World], bool]:
    return lambda world: world.state(device)[attribute] == value


def seen(count: int) -> Callable[[World], bool]:
    return lambda world: len(world.log) >= count


def test_late_comer_finds_everything_retained(world: World, url: str):
    ear = Ear(url)
    assert ear.hears("homeassistant/light/hallway_light/config")
    assert ear.hears("zigbee2mqtt/front_door_lock/availability", '{"state":"online"}')
    assert ear.hears(f"{LAMP}/state", "OFF")
    assert all(retained for _, _, retained in ear.heard)
    ear.close()


def test_command_is_logged_done_and_answered(world: World, ear: Ear):
    mark = world.mark()
    ear.say(f"{LAMP}/set", "ON")
    assert ear.hears(f"{LAMP}/state", "ON")
    assert [(one.device, one.payload, one.understood) for one in world.log] == [
        ("hallway_light", "ON", True)
    ]
    (change,) = world.changes(mark)
    assert (change.device, change.attribute, change.old, change.new) == (
        "hallway_light",
        "power",
        "OFF",
        "ON",
    )


def test_nonsense_is_logged_as_not_understood(world: World, ear: Ear):
    ear.say(f"{LAMP}/set", "on")
    assert world.wait(seen(1))
    assert not world.log[0].understood
    assert world.changes() == []


def test_moving_device_reports_until_it_arrives(world: World, ear: Ear):
    ear.say("garage-door/cover/door/command", "OPEN")
    assert ear.hears("garage-door/cover/door/state", "opening")
    assert ear.hears("garage-door/cover/door/state", "open")
    assert world.state("garage_door")["position"] == 100


def test_device_without_state_topic_acts_in_silence(world: World, ear: Ear):
    ear.say("begin", "")
    assert ear.hears("begin")  # all that was retained has come before it
    ear.forget()
    ear.say("rf/towel_warmer/set", "1")
    assert world.wait(changed("towel_warmer", "power", "1"))
    ear.say("end", "")
    assert ear.hears("end")
    assert {topic for topic, _, _ in ear.heard} == {"rf/towel_warmer/set", "end"}


def test_dead_device_does_nothing(world: World, ear: Ear):
    world.fault(Fault(dead=True), "hallway_light")
    ear.say(f"{LAMP}/set", "ON")
    assert world.wait(seen(1))
    assert world.state("hallway_light") == {"power": "OFF"}


def test_dropped_answer_leaves_a_changed_device(world: World, ear: Ear):
    world.fault(Fault(drop=True))
    ear.say(f"{LAMP}/set", "ON")
    assert world.wait(changed("hallway_light", "power", "ON"))
    world.settle()
    ear.say("end", "")
    assert ear.hears("end")
    assert (f"{LAMP}/state", "ON", False) not in ear.heard


def test_refusing_device_says_that_it_is_as_before(world: World, ear: Ear):
    assert ear.hears(f"{LAMP}/state", "OFF")
    ear.forget()
    world.fault(Fault(refuse=True), "hallway_light")
    ear.say(f"{LAMP}/set", "ON")
    assert ear.hears(f"{LAMP}/state", "OFF")
    assert world.changes() == []


def test_opposite_device_does_the_contrary(world: World, ear: Ear):
    world.put({"hallway_light": {"power": "ON"}})
    world.fault(Fault(opposite=True), "hallway_light")
    ear.say(f"{LAMP}/set", "ON")
    assert world.wait(changed("hallway_light", "power", "OFF"))


def test_slow_device_reacts_after_its_delay(world: World, ear: Ear):
    world.fault(Fault(delay=(0.2, 0.3)), "hallway_light")
    ear.say(f"{LAMP}/set", "ON")
    assert world.wait(changed("hallway_light", "power", "ON"))
    assert world.changes()[-1].time - world.log[0].time >= 0.2


def test_mended_world_works_again(world: World, ear: Ear):
    world.fault(Fault(dead=True))
    world.fault()
    ear.say(f"{LAMP}/set", "ON")
    assert ear.hears(f"{LAMP}/state", "ON")


def test_devices_come_and_go(world: World, ear: Ear):
    (new,) = many(1)
    world.add([new])
    (discovery,) = new.discovery
    assert ear.hears(discovery)
    ear.say(new.topics[0], "ON")
    assert world.wait(changed(new.id, "power", "ON"))
    world.remove(new.id)
    assert ear.hears(discovery, "")
    assert new.id not in world.devices
    world.leave("front_door_lock")
    assert ear.hears("zigbee2mqtt/front_door_lock/availability", '{"state":"offline"}')


def test_stopped_world_says_that_its_devices_are_gone(url: str, ear: Ear):
    with World(url, load_home()):
        assert ear.hears("zigbee2mqtt/bridge/state", '{"state":"online"}')
    assert ear.hears("zigbee2mqtt/bridge/state", '{"state":"offline"}')
    assert ear.hears("tele/tv/LWT", "Offline")


def test_car_repeats_what_interlocks_read(url: str, ear: Ear):
    with World(url, load_car(), heartbeat=HEARTBEAT) as world:
        Car(world).drive(42.5)
        assert ear.hears("vss/Vehicle/Speed", "42.5")
        ear.forget()
        assert ear.hears("vss/Vehicle/Speed", "42.5")
        assert ear.hears("vss/Vehicle/Chassis/ParkingBrake/IsEngaged", "false")
        world.fault(Fault(dead=True), SPEED)
        world.settle()
        ear.say("end", "")
        assert ear.hears("end")
        ear.forget()
        assert ear.hears("vss/Vehicle/IsMoving", "true")
        assert not ear.hears("vss/Vehicle/Speed", timeout=0)


def test_two_devices_cannot_share_a_topic(url: str):
    twin = Device("twin", commands={"rf/towel_warmer/set": Words({"1": {}})})
    with pytest.raises(DeviceError, match="twin: its id or one of"):
        World(url, [*load_home(), twin])


def test_missing_broker_is_a_clear_error():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        url = f"mqtt://{HOST}:{probe.getsockname()[1]}"
        with pytest.raises(MqttError, match="cannot connect"):
            World(url, []).start(timeout=1)


def test_embedded_broker_tells_that_its_port_is_taken(url: str):
    with pytest.raises(MqttError, match="did not start"):
        EmbeddedBroker(int(url.rpartition(":")[2])).start()


def test_embedded_broker_ends_with_clients_connected():
    broker = EmbeddedBroker().start()
    ear = Ear(broker.url)
    began = time.monotonic()
    broker.stop()
    broker.stop()
    assert time.monotonic() - began < 4
    assert not broker._thread.is_alive()
    ear.close()


@pytest.mark.broker
def test_world_comes_back_after_a_broker_crash(mosquitto):
    with World(mosquitto.url, load_home()):
        mosquitto.restart()
        ear = Ear(mosquitto.url)
        assert ear.hears("homeassistant/light/hallway_light/config", timeout=10)
        ear.say(f"{LAMP}/set", "ON")
        assert ear.hears(f"{LAMP}/state", "ON")
        ear.close()


@pytest.mark.broker
def test_thousand_devices_are_all_there_when_start_returns(mosquitto):
    with World(mosquitto.url, many(1000)):
        ear = Ear(mosquitto.url)
        with ear._news:
            assert ear._news.wait_for(lambda: len(ear.heard) >= 2250, 10)
        ear.close()
