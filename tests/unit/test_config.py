"""Every error of a config names the file, the key and what is legal there."""

import re
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.app import App
from edge_agent.config import Config, load_config
from edge_agent.config_files import find_config
from edge_agent.core.entity import Origin, Risk
from edge_agent.core.policy import Verdict
from edge_agent.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "firmware_configs"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a config and returns its path."""

    def write(text, name="hub.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def load(path, *overrides, **environ):
    return load_config(path, overrides, environ=environ)


RULE = "policy: {interlocks: [{signals: [a], requires: [{%s, otherwise: x}]}]}"

BAD = [
    ("nonsense: 1", "top level", "`nonsense`; legal: agent, board, model, slm, mqtt, devices"),
    ("agent: {idd: x}", "agent", "`idd`; legal: id, confirm_timeout, request_timeout, area"),
    ("agent: 5", "agent", "Expected `object`, got `int`; legal: id, confirm_timeout"),
    ("agent: null", "agent", "got `null`"),
    ("agent: {id: 5}", "agent.id", "Expected `str`, got `int`"),
    ("agent: {id: a/b}", "agent.id", "'a/b' may not contain + # / $"),
    ("agent: {id: 'a+'}", "agent.id", "may not contain"),
    ("agent: {confirm_timeout: soon}", "agent.confirm_timeout", "Expected `float`, got `str`"),
    ("agent: {confirm_timeout: 0}", "agent.confirm_timeout", "must be more than 0"),
    ("agent: {confirm_timeout: .nan}", "agent.confirm_timeout", "must be more than 0"),
    ("agent: {request_timeout: .inf}", "agent.request_timeout", "must be more than 0"),
    ("board: {threads: -1}", "board.threads", "must be 0 (all cores) or more"),
    ("board: {memory_mb: 0}", "board.memory_mb", "must be more than 0"),
    ("model: {context: -1}", "model.context", "must be more than 0"),
    ("voice: {patience: 0}", "voice.patience", "must be more than 0"),
    ("voice: {follow_up: -1}", "voice.follow_up", "must be more than 0"),
    ("voice: {recogniser: {threads: 0}}", "voice.recogniser.threads", "must be more than 0"),
    ("voice: {recogniser: {beam: 0}}", "voice.recogniser.beam", "must be more than 0"),
    ("voice: {mode: loud}", "voice.mode",
     "'loud'; legal: wake-word, push-to-talk, always-listening"),
    ("voice: {wake: {word: alexa}}", "voice.wake", "`word`; legal: engine, words, threshold"),
    ("mqtt: {port: 1883}", "mqtt", "`port`; legal: url, client_id, username"),
    ("mqtt: {protocol: '4'}", "mqtt.protocol", "'4'; legal: auto, 5, 3.1.1"),
    ("mqtt: {response_prefixes: edge}", "mqtt.response_prefixes", "Expected `array`, got `str`"),
    ("devices: {zigbee: {}}", "devices", "`zigbee`; legal: homeassistant"),
    ("home: {areas: {k: {name: K, floor: x}}}", "home.areas.k.floor", "'x'; legal: none"),
    ("home: {areas: {hall: {name: H}, k: {}}}", "home.areas.k", "field `name`; legal: name, floor"),
    ("home: {areas: {k: {nam: K}}}", "home.areas.k", "`nam`; legal: name, floor, aliases"),
    ("home: {groups: {g: {name: G, members: x}}}", "home.groups.g.members", "Expected `array`"),
    ("home: {entities: {e: {hidden: 1}}}", "home.entities.e.hidden", "Expected `bool`"),
    ("home: {floors: null}", "home.floors", "Expected `object`, got `null`"),
    ("vehicle: {signals: [{path: V, datatype: float, type: motor}]}", "vehicle.signals[0].type",
     "'motor'; legal: actuator, sensor, attribute"),
    ("vehicle: {signals: [{path: V, datatype: x}, {datatype: x}]}", "vehicle.signals[1]",
     "field `path`; legal: path, datatype, type"),
    ("policy: {voice: {security: maybe}}", "policy.voice.security",
     "'maybe'; legal: allow, confirm, pin, deny"),
    ("policy: {voice: {danger: allow}}", "policy.voice",
     "'danger'; legal: comfort, caution, security"),
    ("policy: {deny: lock.front}", "policy.deny", "Expected `array`, got `str`"),
    ("policy: {interlock_max_age: 0}", "policy.interlock_max_age", "must be more than 0"),
    ("policy: {interlock_inputs: {rpm: V}}", "policy.interlock_inputs",
     "'rpm'; legal: speed, gear, current_gear, parking_brake"),
    (RULE % "signal: speed", "policy.interlocks[0].requires", "needs at_most or one_of"),
    (RULE % "signal: rpm, at_most: 0", "policy.interlocks[0].requires[0].signal",
     "'rpm'; legal: speed, gear, current_gear, parking_brake"),
    ("policy: {pin_file: /does/not/exist}", "policy.pin_file", "/does/not/exist cannot be read"),
    ("mqtt: {password_file: /does/not/exist}", "mqtt.password_file", "cannot be read"),
    ("appliance: 5", "appliance", "Expected `object | null`, got `int`; legal: name, attributes"),
    ("appliance: {name: T}", "appliance", "field `attributes`; legal: name, attributes, id"),
    ("appliance: {name: T, attributes: {tea: {option: [a]}}}", "appliance.attributes.tea",
     "`option`; legal: options, name, aliases, default, required, state_topic, command_topic"),
    ("appliance: {name: T, attributes: {tea: {options: [off]}}}",
     "appliance.attributes.tea.options[0]", "Expected `str`, got `bool`"),
    ("appliance: {name: T, start: {topic: x}, attributes: {}}", "appliance.start",
     "`topic`; legal: name, aliases, command_topic, payload"),
    ("appliance: {name: T, attributes: {tea: {options: [a], default: b}}}",
     "appliance.attributes.tea.default", "'b'; legal: a"),
    ("log: {level: loud}", "log.level", "'loud'; legal: debug, info, warning, error"),
    ("pin: '1234'", "pin", "unknown key; secrets come from files"),
    ("mqtt_password: hunter2", "mqtt_password", "unknown key; secrets come from files"),
    ("extends: gone.yaml", "extends", "there is no gone.yaml in"),
    ("extends: [1]", "extends", "must be the name of a file, or a list of them"),
    ("- 1", None, "must be a mapping of sections: extends, agent"),
    ("5: x", None, "must be a mapping of sections"),
    ("agent: [", None, "is not YAML"),
    ("agent: {id: a, id: b}", None, "key 'id' is given twice"),
    ("agent: {}\nmqtt: {}\nagent: {}", None, "key 'agent' is given twice"),
    ("? [1, 2]\n: x", None, "a key must be a word"),
    ("home: {areas: {? {a: 1} : {name: x}}}", None, "a key must be a word"),
    ("x: !!python/object/apply:os.system [true]", None, "is not YAML"),
    ("[" * 900, None, "is not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "said"), BAD, ids=[text[:40] for text, _, _ in BAD])
def test_error_names_file_key_and_what_is_legal(write, text, key, said):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}: " if key else f"{path}: ")
    assert said in message
    assert "\n" not in message


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}/x.yaml: cannot be read")):
        load(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_bytes_that_are_no_text_and_huge_files_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"agent: {id: \xff}")
    with pytest.raises(ConfigError, match="is not YAML"):
        load(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_bytes(b"#" * (5 << 20))
    with pytest.raises(ConfigError, match="bigger than 4 MiB"):
        load(tmp_path / "b.yaml")


def test_empty_file_is_the_default_config(write):
    config, bare = load(write("")), Config()
    assert config.policy.interlocks
    assert msgspec.structs.replace(config, policy=bare.policy) == bare
    assert load(write("# nothing\n")).agent.confirm_timeout == 2.0


def test_a_config_without_rules_has_the_vehicle_interlocks(write):
    config = load(
        write("vehicle: {signals: [{path: Vehicle.Body.Trunk.Rear.IsOpen, datatype: boolean}]}")
    )
    (rule,) = [
        rule for rule in config.policy.interlocks if "Vehicle.Body.Trunk.*.IsOpen" in rule.signals
    ]
    assert {need.signal for need in rule.requires} == {"speed", "gear"}
    assert load(write("policy: {interlocks: []}")).policy.interlocks == ()


def test_config_extends_another_key_by_key(write):
    write("agent: {id: base, area: Hall}\nmqtt: {url: 'mqtt://a'}", "base.yaml")
    write("extends: base.yaml\nagent: {id: middle}\npolicy: {deny: [a]}", "middle.yaml")
    config = load(write("extends: middle.yaml\nagent: {confirm_timeout: 4}\npolicy: {deny: [b]}"))
    assert (config.agent.id, config.agent.area, config.agent.confirm_timeout) == (
        "middle", "Hall", 4.0,
    )  # fmt: skip
    assert config.mqtt.url == "mqtt://a"
    assert config.policy.deny == ("b",)


def test_shipped_config_is_found_by_its_name(write):
    config = load(write("extends: smart-home-hub.yaml\nagent: {id: hall}"))
    assert config.node == "hall"
    assert config.policy.voice[Risk.SECURITY] is Verdict.CONFIRM
    assert config.policy.of(Origin.COMMAND)[Risk.SECURITY] is Verdict.ALLOW


def test_circle_of_extends_ends(write):
    write("extends: b.yaml", "a.yaml")
    path = write("extends: a.yaml", "b.yaml")
    with pytest.raises(ConfigError, match=r"extends: .* leads back to itself"):
        load(path)
    own = write("extends: c.yaml", "c.yaml")
    with pytest.raises(ConfigError, match="leads back to itself"):
        load(own)


def test_error_in_an_extended_file_names_that_file_where_it_is_syntax(write, tmp_path):
    write("agent: [", "base.yaml")
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}/base.yaml: is not YAML")):
        load(write("extends: base.yaml"))


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("agent.id=hall", lambda config: config.agent.id == "hall"),
        ("agent.confirm_timeout=0.5", lambda config: config.agent.confirm_timeout == 0.5),
        ("mqtt.url=mqtt://h:1884", lambda config: config.mqtt.url == "mqtt://h:1884"),
        ("policy.deny=[a, b]", lambda config: config.policy.deny == ("a", "b")),
        ("model.context=512", lambda config: config.model.context == 512),
        ("board.threads=3", lambda config: config.board.threads == 3),
        ("policy.voice.security=deny", lambda config: config.policy.voice == {"security": "deny"}),
        ("home.floors.up={name: Up}", lambda config: config.home.floors["up"].name == "Up"),
        ("agent.area=", lambda config: config.agent.area is None),
    ],
)  # fmt: skip
def test_override_sets_any_key(write, override, value):
    assert value(load(write("agent: {id: x, area: y}"), override))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("agent.id", "--set agent.id: must be key.path=value"),
        ("=x", "must be key.path=value"),
        ("agent.id.x=1", "--set agent.id.x: id is a value, not a section"),
        ("agent.id=[", "--set agent.id: '[' is not a YAML value"),
        ("agent.nope=1", "agent: Object contains unknown field `nope`; legal: id"),
        ("pin=1", "secrets come from files"),
    ],
)
def test_wrong_override_is_named(write, override, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(write("agent: {id: x}"), override)


def test_later_override_wins(write):
    assert load(write(""), "agent.id=a", "agent.id=b").node == "b"


def test_secrets_come_from_files(write, tmp_path):
    (tmp_path / "pin").write_text("2468\n")
    (tmp_path / "mqtt-password").write_text(" hunter2 \n")
    named = load(write(f"policy: {{pin_file: {tmp_path}/pin}}"))
    assert (named.pin, named.mqtt_password) == ("2468", None)
    given_ = load(write(""), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert (given_.pin, given_.mqtt_password) == ("2468", "hunter2")
    assert load(write(""), CREDENTIALS_DIRECTORY=str(tmp_path / "none")).pin is None


def test_empty_secret_is_no_silent_absence_of_one(write, tmp_path):
    (tmp_path / "pin").write_text(" \n")
    with pytest.raises(ConfigError, match=r"policy\.pin_file: .*/pin is empty"):
        load(write(f"policy: {{pin_file: {tmp_path}/pin}}"))


@pytest.mark.parametrize("text", ["pin: '2468'", "mqtt_password: '2468'", "pin: [2468]"])
def test_secret_in_the_wrong_place_is_not_repeated_in_the_error(write, text):
    with pytest.raises(ConfigError) as caught:
        load(write(text))
    assert "2468" not in str(caught.value)


def test_secrets_are_not_shown_where_a_config_is_printed(write, tmp_path):
    (tmp_path / "pin").write_text("2468")
    (tmp_path / "mqtt-password").write_text("hunter2")
    shown = repr(load(write(""), CREDENTIALS_DIRECTORY=str(tmp_path)))
    assert "2468" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: str(path.relative_to(SHIPPED))
)
def test_every_shipped_config_loads_and_builds(path):
    config = load(path)
    App(config, lambda: config)


def test_board_goes_under_any_device(write):
    hub = load(write("extends: smart-home-hub.yaml"))
    for board in (SHIPPED / "boards").glob("*.yaml"):
        alone = load(write(f"extends: {board}"))
        both = load(write(f"extends: [smart-home-hub.yaml, boards/{board.name}]"))
        assert both.board == alone.board != hub.board
        assert both.policy == hub.policy


def test_the_last_extended_file_wins_and_defaults_stay_at_the_bottom(write):
    write("agent: {id: one}\npolicy: {interlocks: []}", "one.yaml")
    write("agent: {area: Hall}", "two.yaml")
    config = load(write("extends: [one.yaml, two.yaml]"))
    assert (config.agent.id, config.agent.area) == ("one", "Hall")
    assert config.policy.interlocks == ()


def test_config_that_is_nowhere_is_said_with_where_it_was_looked_for(tmp_path):
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        find_config("nope.yaml", tmp_path)


YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("id name agent requires signal 5 security".split()), inner
        )
    ),
    max_leaves=6,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            "agent board model mqtt devices home vehicle appliance policy log extends".split()
        ),
        YAML_VALUES | st.dictionaries(
            st.sampled_from("areas groups signals voice interlocks deny id".split()), YAML_VALUES
        ),
    )
)  # fmt: skip
def test_any_document_loads_or_is_refused(write, document):
    with suppress(ConfigError):
        load(write(yaml.safe_dump(document)))
