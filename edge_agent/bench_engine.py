"""Measures the language model alone: tokens a second, and what memory bandwidth they come to.

Every round measures everything once, side by side; figures are medians over the rounds, so that
what else the machine does at the time falls on all alike. It knows networks, no commands.
"""

import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.errors import EdgeAgentError
from edge_agent.slm.bandwidth import read_bandwidth
from edge_agent.slm.model import Model, load_model

ROUNDS = 7
PREFILL = (64, 256)
DECODE = 64
_CONTEXT = 512
_TIMEOUT = 600.0


def measure_engine(
    file: Path, threads: Sequence[int], against: Path | None = None
) -> dict[str, Any]:
    """What a model file comes to on this machine.

    Args:
        file: The GGUF file.
        threads: Numbers of threads to try.
        against: llama.cpp's `llama-bench`, to be run in turn on the same file.

    Returns:
        By number of threads: `decode` and `prefill_64`, `prefill_256` (tokens a second),
        `read_gb_per_s` (weights that decoding reads), `bandwidth_gb_per_s` (what a plain read of
        memory reaches), with `against` also `theirs` and `ratio` of the first three.

    Raises:
        EdgeAgentError: The other program cannot be run.
    """
    models = {count: load_model(file, n_ctx=_CONTEXT, threads=count) for count in threads}
    for model in models.values():
        model.warm()
    weights = file.stat().st_size  # nearly all of it is read for every token
    ours: dict[int, dict[str, list[float]]] = {n: defaultdict(list) for n in threads}
    theirs: dict[int, dict[str, list[float]]] = {n: defaultdict(list) for n in threads}
    for _ in range(ROUNDS):
        for count, model in models.items():
            for name, value in _ours(model).items():
                ours[count][name].append(value)
            ours[count]["bandwidth_gb_per_s"].append(read_bandwidth(count) / 1e9)
            if against is not None:
                for name, value in _theirs(against, file, count).items():
                    theirs[count][name].append(value)
    found: dict[str, Any] = {"engine": models[threads[0]].engine, "rounds": ROUNDS}
    for count in threads:
        row: dict[str, Any] = {name: _median(values) for name, values in ours[count].items()}
        row["read_gb_per_s"] = round(row["decode"] * weights / 1e9, 2)
        if against is not None:
            row["theirs"] = {name: _median(values) for name, values in theirs[count].items()}
            row["ratio"] = {
                name: round(
                    statistics.median(
                        a / b for a, b in zip(ours[count][name], values, strict=True)
                    ),
                    2,
                )
                for name, values in theirs[count].items()
            }
        found[str(count)] = row
    return found


def engine_lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures for a person."""
    lines = [f"engine    {figures['engine']}, medians of {figures['rounds']} rounds"]
    for count, row in figures.items():
        if not isinstance(row, dict):
            continue
        speeds = "   ".join(f"{name} {row[name]:.0f}" for name in _names())
        lines.append(
            f"threads {count}  tokens/s: {speeds}   reads {row['read_gb_per_s']:.1f} of "
            f"{row['bandwidth_gb_per_s']:.1f} GB/s"
        )
        if "ratio" in row:
            against = "   ".join(f"{name} {row['theirs'][name]:.0f}" for name in _names())
            ratios = "   ".join(f"{name} {row['ratio'][name]:.2f}" for name in _names())
            lines.append(f"  llama.cpp tokens/s: {against}   we are times {ratios}")
    return lines


def _names() -> Sequence[str]:
    return ("decode", *(f"prefill_{count}" for count in PREFILL))


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


def _ours(model: Model) -> dict[str, float]:
    decoder = model.decoder()
    words = model.tokenizer.encode(" the light in the kitchen is on and the door is open" * 40)
    found = {}
    for count in PREFILL:
        started = time.perf_counter()
        decoder.generate(words[:count], max_tokens=1)
        found[f"prefill_{count}"] = count / (time.perf_counter() - started)
        decoder.generate(words[-1:], max_tokens=1)  # another first token: nothing is kept
    decoder.generate(words[:8], max_tokens=1)
    started = time.perf_counter()
    made = len(decoder.generate(words[:8], max_tokens=DECODE))
    found["decode"] = made / (time.perf_counter() - started)
    return found


def _theirs(program: Path, file: Path, threads: int) -> dict[str, float]:
    prompts = ",".join(map(str, PREFILL))
    command = [str(program), "-m", str(file), "-t", str(threads), "-p", prompts]
    command += ["-n", str(DECODE), "-r", "1", "-ngl", "0", "-o", "json"]
    try:
        done = subprocess.run(  # noqa: S603 - the program that the user named
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
        rows = json.loads(done.stdout)
        return {
            f"prefill_{row['n_prompt']}" if row["n_prompt"] else "decode": float(row["avg_ts"])
            for row in rows
        }
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise EdgeAgentError(f"{program}: is no llama-bench that works here: {error}") from error
