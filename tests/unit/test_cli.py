"""Commands as a shell sees them: exit code, one line of error, nothing heavy too early."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent import __version__, app, check, cli
from edge_agent.check import Finding
from edge_agent.cli import FAILED, OK, WRONG_USAGE, main
from edge_agent.errors import ConfigError, EdgeAgentError, MqttError

COMMANDS = ["run", "ask", "devices", "check", "warm"]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hub.yaml"
    path.write_text("agent: {id: hall}\nmqtt: {url: 'mqtt://127.0.0.1:1'}\n")
    return path


def arguments(command, *more):
    return [command, *(["turn on the lamp"] if command == "ask" else []), *map(str, more)]


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == OK
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["fly"],
        ["run"],
        ["ask"],
        ["run", "--config"],
        ["demo", "--fast"],
        ["bench", "--threads", "x"],
    ],
)
def test_wrong_usage_is_2(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == WRONG_USAGE
    assert "usage: edge-agent" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("text", "said"),
    [("agent: {idd: x}", "legal: id"), ("agent: [", "is not YAML"), (None, "cannot be read")],
)
def test_wrong_config_is_2_with_one_line_that_names_it(tmp_path, command, text, said, capsys):
    path = tmp_path / "hub.yaml"
    if text is not None:
        path.write_text(text)
    assert main(arguments(command, "--config", path)) == WRONG_USAGE
    heard = capsys.readouterr()
    assert heard.out == ""
    (line,) = heard.err.splitlines()
    assert line.startswith(f"edge-agent: {path}: ")
    assert said in line


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_override_is_2(config, command, capsys):
    assert main(arguments(command, "--config", config, "--set", "agent.nope=1")) == WRONG_USAGE
    assert "`nope`; legal: id" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ask", "devices"])
def test_absent_broker_is_1_with_one_line(config, command, capsys):
    assert main(arguments(command, "--config", config)) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("edge-agent: ")
    assert "127.0.0.1:1" in line


def test_absent_model_is_1_with_one_line(config, capsys):
    missing = config.with_name("missing.gguf")
    assert main(["warm", "--config", str(config), "--set", f"model.file={missing}"]) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert str(missing) in line


class FakeRequester:
    """A daemon that answers everything alike."""

    def __init__(self, response):
        self.response = response
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, text, **more):
        self.asked.append((text, more))
        return self.response

    def control(self, operation):
        return {"devices": self.response} if operation == "devices" else None


@pytest.fixture
def daemon(monkeypatch):
    """Return a function that puts a daemon with this response in place."""

    def put(response):
        fake = FakeRequester(response)
        monkeypatch.setattr(app, "requester", lambda _path, _overrides: fake)
        return fake

    return put


@pytest.mark.parametrize(
    ("status", "code"),
    [("ok", OK), ("clarify", OK), ("rejected", FAILED), ("unsupported", FAILED), ("error", FAILED)],
)
def test_ask_prints_the_answer_and_ends_by_its_status(daemon, config, status, code, capsys):
    daemon({"status": status, "text": "The lamp is on."})
    assert main(arguments("ask", "--config", config)) == code
    assert capsys.readouterr().out == "The lamp is on.\n"


def test_ask_passes_on_room_and_dry_run_and_prints_json(daemon, config, capsys):
    fake = daemon({"status": "ok", "text": "x"})
    main(arguments("ask", "--config", config, "--area", "Hall", "--dry-run", "--json"))
    assert fake.asked == [("turn on the lamp", {"area": "Hall", "dry_run": True})]
    assert json.loads(capsys.readouterr().out) == {"status": "ok", "text": "x"}


def test_devices_are_listed_one_a_line(daemon, config, capsys):
    lamp = {
        "id": "light.lamp",
        "name": "lamp",
        "area": "Hall",
        "state": {"power": "on", "brightness": None},
        "available": False,
        "problem": "its template fails",
    }
    daemon([lamp, {**lamp, "id": "light.other", "area": None, "state": {}, "available": True}])
    assert main(arguments("devices", "--config", config)) == OK
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == (
        "light.lamp lamp (Hall): power on [unreachable] [its template fails]".split()
    )
    assert "lamp: unknown" in second


@pytest.mark.parametrize(("ok", "code"), [(True, OK), (False, FAILED)])
def test_check_is_1_where_anything_is_wrong(monkeypatch, config, ok, code, capsys):
    findings = [
        Finding("config", ok=True, found="fine"),
        Finding("broker", ok=ok, found="away", remedy="" if ok else "start it"),
    ]
    monkeypatch.setattr(check, "check", lambda _path, _overrides: findings)
    assert main(["check", "--config", str(config)]) == code
    assert ("-> start it" in capsys.readouterr().out) is not ok
    assert main(["check", "--config", str(config), "--json"]) == code
    assert [found["ok"] for found in json.loads(capsys.readouterr().out)] == [True, ok]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("hub.yaml: agent: wrong"), WRONG_USAGE),
        (MqttError("the broker is away"), FAILED),
        (EdgeAgentError("something"), FAILED),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), FAILED),
    ],
)
def test_every_error_on_purpose_has_its_code(monkeypatch, config, error, code, capsys):
    def fail(_path, _overrides):
        raise error

    monkeypatch.setattr(app, "requester", fail)
    assert main(arguments("devices", "--config", config)) == code
    text = capsys.readouterr().err
    assert text == (f"edge-agent: {error}\n" if isinstance(error, EdgeAgentError) else "")


def test_help_needs_nothing_but_the_standard_library(tmp_path):
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['yaml', 'msgspec', 'paho', 'tinygrad',"
        " 'numpy', 'jinja2', 'structlog'])); from edge_agent.cli import main; main(['--help'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    for command in [*COMMANDS, "demo", "bench"]:
        assert command in ran.stdout


def test_default_config_is_where_the_service_keeps_it(tmp_path):
    options = cli._parser().parse_args(["devices"])
    assert options.config == Path("/etc/edge-agent/config.yaml")
