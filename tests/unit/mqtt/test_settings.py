import pytest

from edge_agent.errors import ConfigError
from edge_agent.mqtt.settings import BrokerSettings


def test_default_is_the_broker_on_this_device():
    settings = BrokerSettings(client_id="hall")
    assert (settings.host, settings.port, settings.tls) == ("127.0.0.1", 1883, False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mqtts://broker.example", ("broker.example", 8883, True)),
        ("mqtt://[::1]:1884", ("::1", 1884, False)),
        ("mqtt://broker/", ("broker", 1883, False)),
    ],
)
def test_url_gives_host_port_and_tls(url, place):
    settings = BrokerSettings(client_id="hall", url=url)
    assert (settings.host, settings.port, settings.tls) == place


def test_user_and_password_leave_the_url_and_are_never_shown():
    settings = BrokerSettings(client_id="hall", url="mqtt://me:s%40crt@broker:1884")
    assert (settings.username, settings.password) == ("me", "s@crt")
    assert settings.url == "mqtt://broker:1884"
    assert "crt" not in repr(settings)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"url": "http://me:secret@x"}, r"mqtt\.url: .*legal: mqtt://HOST\[:PORT\] or mqtts://"),
        ({"url": "mqtt://"}, r"mqtt\.url"),
        ({"url": "mqtt://x:99999"}, r"mqtt\.url"),
        ({"url": "mqtt://x/topic"}, r"mqtt\.url: nothing may follow"),
        ({"url": "mqtt://a@x", "username": "b"}, r"mqtt\.username"),
        ({"client_id": ""}, r"mqtt\.client_id"),
        ({"client_id": "a\nb"}, r"mqtt\.client_id"),
        ({"keepalive": 4}, r"mqtt\.keepalive: 4 is not within 5\.\.3600"),
        ({"protocol": "3.1"}, r"mqtt\.protocol: '3\.1' is not one of auto, 5, 3\.1\.1"),
        ({"backoff_min": 9, "backoff_max": 3}, r"mqtt\.backoff_min"),
        ({"connect_timeout": 0}, r"mqtt\.connect_timeout"),
        ({"password": "secret"}, r"mqtt\.password: needs"),
        ({"url": "mqtts://x", "key_file": "k"}, r"mqtt\.key_file"),
        ({"ca_file": "ca.pem"}, r"mqtts://"),
    ],
)
def test_bad_value_names_its_key_and_keeps_the_secret(values, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        BrokerSettings(**{"client_id": "hall", **values})
    assert "secret" not in str(error.value)
