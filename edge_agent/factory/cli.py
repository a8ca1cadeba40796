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
from edge_agent.factory.firmware import ADAPTED_SHARE, Firmware
from edge_agent.factory.recipe import ADAPT, FULL, QUICK, Recipe


def build_model(options: argparse.Namespace) -> int:
    """Makes a model; 0 when its file is written.

    Raises:
        ConfigError: The firmware config is wrong, or names no source of devices.
        EdgeAgentError: A stage cannot be done; what was done before is kept.
    """
    firmware = _firmware(options)
    if find_spec("torch") is None:
        raise FactoryError(
            "PyTorch is not installed, and models are trained with it; "
            "`pip install 'edge-agent[factory]'` brings it"
        )
    import torch  # noqa: PLC0415

    from edge_agent.factory.adapt import model_file  # noqa: PLC0415
    from edge_agent.factory.build import ADAPTING, STAGES, Build  # noqa: PLC0415
    from edge_agent.factory.network.speed import keep_memory, pick_device  # noqa: PLC0415
    from edge_agent.factory.workshop import Workshop  # noqa: PLC0415

    name = firmware.name if options.adapt is None else f"{firmware.name}-adapted"
    threads = options.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    keep_memory()
    work = options.work or Path("build") / name
    shop = Workshop(
        recipe=_recipe(options),
        firmware=firmware,
        work=work,
        output=options.output or work / f"{name}.gguf",
        device=pick_device(options.device),
        processes=threads,
        clock=time.monotonic,
        tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        base=None if options.adapt is None else model_file(options.adapt),
    )
    Build(shop, STAGES if options.adapt is None else ADAPTING).run(options.stage)
    return 0


def _firmware(options: argparse.Namespace) -> Firmware:
    firmware = Firmware(options.config, tuple(options.set), options.devices)
    firmware.load()
    if options.adapt is not None:
        if firmware.own() is None:
            raise FactoryError(
                f"{options.config}: lists no devices, and a model is adapted to some; "
                "legal: --devices FILE, vehicle.signals, home.entities"
            )
        firmware = replace(firmware, own_share=ADAPTED_SHARE)
    return firmware


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = QUICK if options.quick else FULL
    recipe = replace(ADAPT if options.adapt is not None else recipe, seed=options.seed)
    if options.teacher_minutes is not None:
        recipe = replace(recipe, teacher_minutes=options.teacher_minutes)
    if options.minutes is not None:
        recipe = recipe.lasting(options.minutes)
    return recipe
