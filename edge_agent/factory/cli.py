"""`edge-agent build-model`: from arguments to a build.

It knows arguments, folders and the libraries that must be there; no stages.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from edge_agent.errors import FactoryError
from edge_agent.factory.firmware import Firmware
from edge_agent.factory.recipe import FULL, QUICK, Recipe


def build_model(options: argparse.Namespace) -> int:
    """Makes a model; 0 when its file is written.

    Raises:
        ConfigError: The firmware config is wrong, or names no source of devices.
        EdgeAgentError: A stage cannot be done; what was done before is kept.
    """
    firmware = Firmware(options.config, tuple(options.set), options.devices)
    firmware.load()
    if find_spec("torch") is None:
        raise FactoryError(
            "PyTorch is not installed, and models are trained with it; "
            "`pip install 'edge-agent[factory]'` brings it"
        )
    import torch  # noqa: PLC0415

    from edge_agent.factory.build import Build  # noqa: PLC0415
    from edge_agent.factory.speed import keep_memory, pick_device  # noqa: PLC0415
    from edge_agent.factory.workshop import Workshop  # noqa: PLC0415

    threads = options.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    keep_memory()
    work = options.work or Path("build") / firmware.name
    output = options.output or work / f"{firmware.name}.gguf"
    shop = Workshop(
        recipe=_recipe(options),
        firmware=firmware,
        work=work,
        output=output,
        device=pick_device(options.device),
        processes=threads,
        clock=time.monotonic,
        tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
    )
    Build(shop).run(options.stage)
    return 0


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = replace(QUICK if options.quick else FULL, seed=options.seed)
    if options.teacher_minutes is not None:
        recipe = replace(recipe, teacher_minutes=options.teacher_minutes)
    if options.minutes is not None:
        recipe = recipe.lasting(options.minutes)
    return recipe
