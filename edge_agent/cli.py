"""The command line. Commands only: everything heavy is imported when it is needed."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent import __version__
from edge_agent.errors import ConfigError, EdgeAgentError

OK, FAILED, WRONG_USAGE = 0, 1, 2

DEFAULT_CONFIG = "/etc/edge-agent/config.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 for fine, 1 for failed, 2 for wrong usage or config."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except ConfigError as error:
        print(f"edge-agent: {error}", file=sys.stderr)
        return WRONG_USAGE
    except EdgeAgentError as error:
        print(f"edge-agent: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-agent", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the daemon")
    _config_options(run, required=True)
    run.set_defaults(command=_run)

    demo = commands.add_parser("demo", help="try it in a simulated home and car")
    demo.add_argument("--say", metavar="TEXT", help="one command; exit 0 if a device changed")
    demo.add_argument("--area", help="the room or vehicle zone of the speaker")
    demo.add_argument("--json", action="store_true", help="one JSON object a command")
    demo.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    demo.set_defaults(command=_demo)

    ask = commands.add_parser("ask", help="send a command to a running daemon")
    ask.add_argument("text")
    ask.add_argument("--area", help="the room or vehicle zone of the speaker")
    ask.add_argument("--dry-run", action="store_true", help="say what would be done")
    ask.add_argument("--json", action="store_true", help="print the whole response")
    _config_options(ask)
    ask.set_defaults(command=_ask)

    devices = commands.add_parser("devices", help="list the devices of a running daemon")
    devices.add_argument("--json", action="store_true")
    _config_options(devices)
    devices.set_defaults(command=_devices)

    listen = commands.add_parser("listen", help="try the voice: what is heard and understood")
    listen.add_argument("--wav", type=Path, metavar="FILE", help="a recording, not the microphone")
    listen.add_argument("--execute", action="store_true", help="do what was understood")
    listen.add_argument("--json", action="store_true", help="one JSON object a sentence")
    _config_options(listen)
    listen.set_defaults(command=_listen)

    say = commands.add_parser("say", help="speak a text as answers are spoken")
    say.add_argument("text")
    say.add_argument("--wav", type=Path, metavar="FILE", help="write it instead of playing it")
    say.add_argument("--json", action="store_true")
    _config_options(say)
    say.set_defaults(command=_say)

    check = commands.add_parser("check", help="say what is wrong here and how to mend it")
    check.add_argument("--json", action="store_true")
    _config_options(check)
    check.set_defaults(command=_check)

    bench = commands.add_parser("bench", help="measure the model and whole commands")
    bench.add_argument("--model", type=Path, metavar="FILE", help="another GGUF file")
    bench.add_argument("--threads", type=int, metavar="N")
    bench.add_argument(
        "--against", type=_llama_bench, metavar="llama-bench=PATH", help="measure it in turn"
    )
    bench.add_argument("--json", action="store_true")
    bench.set_defaults(command=_bench)

    warm = commands.add_parser("warm", help="compile the model's kernels into the cache")
    _config_options(warm)
    warm.set_defaults(command=_warm)

    _build_model_options(commands.add_parser("build-model", help="make a model for a config"))
    _eval_model_options(commands.add_parser("eval-model", help="score a model on invented homes"))
    return parser


def _llama_bench(text: str) -> Path:
    name, _, path = text.partition("=")
    if name != "llama-bench" or not path:
        raise argparse.ArgumentTypeError(f"{text!r}; legal is llama-bench=PATH")
    return Path(path)


_DESCRIPTION = "A local language-model daemon for smart homes and cars over MQTT."


def _config_options(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=required,
        default=Path(DEFAULT_CONFIG),
        metavar="FILE",
        help="the firmware config" + ("" if required else f" (default: {DEFAULT_CONFIG})"),
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the config, e.g. mqtt.url=mqtt://127.0.0.1:1884",
    )


def _build_model_options(build: argparse.ArgumentParser) -> None:
    _config_options(build, required=True)
    build.add_argument("--quick", action="store_true", help="a smaller model, in 20 minutes")
    build.add_argument("--minutes", type=float, metavar="N", help="of training, all in all")
    build.add_argument("--teacher-minutes", type=float, metavar="N", help="of a teacher, before")
    build.add_argument("--seed", type=int, default=0, metavar="S")
    build.add_argument(
        "--devices", type=Path, metavar="FILE", help="what `edge-agent devices --json` printed"
    )
    build.add_argument(
        "--adapt", metavar="MODEL", help="adapt this model to the listed devices, in minutes"
    )
    build.add_argument("--work", type=Path, metavar="DIR", help="default: build/NAME")
    build.add_argument("--output", type=Path, metavar="FILE.gguf", help="default: in DIR")
    build.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where it is")
    build.add_argument("--threads", type=int, metavar="N", help="default: one a processor")
    build.add_argument("--stage", metavar="NAME", help="stop behind this stage")
    build.set_defaults(command=_build_model)


def _eval_model_options(scored: argparse.ArgumentParser) -> None:
    add = scored.add_argument
    add("--model", type=Path, metavar="FILE", help="a GGUF file, or a checkpoint of a training")
    add("--vocabulary", type=Path, metavar="JSON", help="of a checkpoint")
    add("--cases", type=int, default=2000, metavar="N", help="sentences (default: 2000)")
    add("--seed", type=int, default=1, metavar="S", help="another seed, other homes")
    add("--nothing", action="store_true", help="only sentences after which nothing may be done")
    add("--engine", choices=("daemon", "torch"), help="default: daemon for GGUF files, else torch")
    add("--threads", type=int, metavar="N", help="of the engine")
    add("--intents", type=Path, metavar="DIR", help="score sentences of Home Assistant's intents")
    add("--failures", action="store_true", help="print what was misunderstood, a line each")
    add("--calibrate", type=Path, metavar="JSON", help="fit thresholds first, and write them")
    add("--stages", type=Path, metavar="JSON", help="what the build says, for the card")
    add("--card", type=Path, metavar="FILE.md", help="write a model card, with plots beside it")
    add("--json", action="store_true", help="print one JSON object")
    scored.set_defaults(command=_eval_model)


def _run(options: argparse.Namespace) -> int:
    import os  # noqa: PLC0415

    from edge_agent.app import run  # noqa: PLC0415
    from edge_agent.config import load_config  # noqa: PLC0415
    from edge_agent.service.logs import configure_logs  # noqa: PLC0415

    config = load_config(options.config, options.set)
    configure_logs(config.log.level, journal="JOURNAL_STREAM" in os.environ)

    def ready(line: str) -> None:
        print(line, flush=True)

    run(options.config, options.set, ready)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is stopped but, perhaps, the thread in which the model is still being compiled:
    # the interpreter's own clean-up would pull tinygrad away from under it.
    os._exit(OK)


def _demo(options: argparse.Namespace) -> int:
    from edge_agent.demo import demo  # noqa: PLC0415

    return demo(
        say=options.say, area=options.area, as_json=options.json, overrides=tuple(options.set)
    )


def _ask(options: argparse.Namespace) -> int:
    from edge_agent.app import requester  # noqa: PLC0415

    with requester(options.config, options.set) as client:
        response = client.ask(options.text, area=options.area, dry_run=options.dry_run)
    print(json.dumps(response) if options.json else response["text"])
    return OK if response["status"] in {"ok", "clarify"} else FAILED


def _listen(options: argparse.Namespace) -> int:
    from edge_agent.listening import listen_live, listen_to_recording  # noqa: PLC0415
    from edge_agent.service.logs import configure_logs  # noqa: PLC0415

    configure_logs("error", journal=False)
    how = {"execute": options.execute, "as_json": options.json}
    if options.wav is None:
        listen_live(options.config, options.set, **how)
        return OK
    understood = listen_to_recording(options.config, options.set, options.wav, **how)
    return OK if understood else FAILED


def _say(options: argparse.Namespace) -> int:
    from edge_agent.listening import say  # noqa: PLC0415

    seconds = say(options.config, options.set, options.text, options.wav)
    if options.json:
        print(json.dumps({"seconds": round(seconds, 2), "wav": options.wav and str(options.wav)}))
    return OK


def _devices(options: argparse.Namespace) -> int:
    from edge_agent.app import requester  # noqa: PLC0415

    with requester(options.config, options.set) as client:
        devices = client.control("devices")["devices"]
    if options.json:
        print(json.dumps(devices))
        return OK
    for device in devices:
        state = ", ".join(
            f"{key} {value}" for key, value in device["state"].items() if value is not None
        )
        place = f" ({device['area']})" if device["area"] else ""
        note = "" if device["available"] else "  [unreachable]"
        note += f"  [{device['problem']}]" if device["problem"] else ""
        print(f"{device['id']:<44} {device['name']}{place}: {state or 'unknown'}{note}")
    return OK


def _check(options: argparse.Namespace) -> int:
    from edge_agent.check import check  # noqa: PLC0415

    findings = check(options.config, options.set)
    if options.json:
        print(json.dumps([finding.as_dict() for finding in findings]))
    else:
        for finding in findings:
            print(finding.line())
    return OK if all(finding.ok for finding in findings) else FAILED


def _bench(options: argparse.Namespace) -> int:
    from edge_agent.bench import bench, table  # noqa: PLC0415

    figures = bench(options.model, options.threads, options.against)
    print(json.dumps(figures) if options.json else table(figures))
    return OK


def _warm(options: argparse.Namespace) -> int:
    import time  # noqa: PLC0415

    from edge_agent.config import load_config  # noqa: PLC0415
    from edge_agent.parts import model_loader  # noqa: PLC0415

    config = load_config(options.config, options.set)
    started = time.monotonic()
    loaded = model_loader(config)()
    loaded.interpreter.warm()
    print(f"model {loaded.name} is warm after {time.monotonic() - started:.1f} s")
    return OK


def _build_model(options: argparse.Namespace) -> int:
    from edge_agent.factory.cli import build_model  # noqa: PLC0415

    return build_model(options)


def _eval_model(options: argparse.Namespace) -> int:
    from edge_agent.factory.measure.evaluate import eval_model  # noqa: PLC0415

    return eval_model(options)


if __name__ == "__main__":
    sys.exit(main())
