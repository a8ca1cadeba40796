"""`python -m edge_agent.factory.network.average`: one checkpoint that is the mean of several.

The ends of several runs that began at one another's ends lie around a flat place; their mean reads
unseen sentences better than any of them (https://arxiv.org/abs/2203.05482). It knows weights alone.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from edge_agent.errors import FactoryError
from edge_agent.factory.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edge_agent.factory.program import run_program


def average(parts: Iterable[tuple[float, Checkpoint]]) -> Checkpoint:
    """The mean of some checkpoints, each with its share; what a run needs to go on is left out.

    Args:
        parts: Shares above 0, which need not add up to 1, and checkpoints of one network; looked at
            one by one, so that they need not be in memory together.

    Raises:
        FactoryError: There are none, a share is not above 0, or shapes or vocabularies differ.
    """
    mean: Checkpoint | None = None
    total = 0.0
    for share, one in parts:
        if not share > 0:
            raise FactoryError(f"a share of {share:g}; legal is what is above 0")
        total += share
        if mean is None:
            kept = {key: one.meta[key] for key in ("vocabulary",) if key in one.meta}
            weights = {name: weight * share for name, weight in one.weights.items()}
            mean = Checkpoint(one.shape, weights, None, one.step, one.tokens, one.seed, kept)
            continue
        if one.shape != mean.shape:
            raise FactoryError(f"networks of two shapes have no average: {mean.shape}, {one.shape}")
        if one.meta.get("vocabulary") != mean.meta.get("vocabulary"):
            raise FactoryError("networks of two vocabularies have no average")
        for name, weight in one.weights.items():
            mean.weights[name].add_(weight, alpha=share)
        mean = replace(mean, step=max(mean.step, one.step), tokens=max(mean.tokens, one.tokens))
    if mean is None:
        raise FactoryError("an average needs one checkpoint or more")
    for weight in mean.weights.values():
        weight.div_(total)
    return mean


def _part(text: str) -> tuple[float, Path]:
    share, found, path = text.partition(":")
    try:
        return (float(share), Path(path)) if found else (1.0, Path(text))
    except ValueError:
        return 1.0, Path(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Averages; 0 when the mean is written, 1 with a sentence on stderr when it cannot be."""
    parser = argparse.ArgumentParser(prog="average", description=__doc__)
    parser.add_argument("out", type=Path, help="the checkpoint to write")
    parser.add_argument("parts", type=_part, nargs="+", metavar="[SHARE:]CHECKPOINT")
    options = parser.parse_args(arguments)

    def work() -> None:
        parts = ((share, load_checkpoint(path)) for share, path in options.parts)
        save_checkpoint(options.out, average(parts))

    return run_program(work)


if __name__ == "__main__":
    sys.exit(main())
