"""The pictures of a model card, drawn from the report alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.errors import FactoryError

_INK, _SOFT, _GRID = "#1b4f72", "#85a7bf", "#dddddd"
_MOST_BARS = 30


def draw(report: Mapping[str, Any], directory: Path, stem: str) -> Mapping[str, Path]:
    """Every picture that the report has numbers for: what it shows -> its file.

    Raises:
        ImportError: Matplotlib is not installed.
        FactoryError: A file cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and of an extra

    found: dict[str, Path] = {}
    for name, (caption, picture) in _PICTURES.items():
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        if not picture(figure, report):
            continue
        path = directory / f"{stem}-{name}.png"
        try:
            figure.savefig(path, dpi=110)
        except OSError as error:
            raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error
        found[caption] = path
    return found


def _axes(figure: Any, title: str) -> Any:
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _reliability(figure: Any, report: Mapping[str, Any]) -> bool:
    bins: Sequence[Mapping[str, Any]] = report["calibration"]["bins"]
    if not bins:
        return False
    axes = _axes(figure, "How often readings of each confidence are right")
    axes.plot((0, 1), (0, 1), color=_SOFT, linewidth=1, linestyle="--", label="perfect")
    x, y, errors = _points(bins, [one["confidence"] for one in bins])
    axes.errorbar(x, y, yerr=errors, color=_INK, marker="o", capsize=3, label="measured")
    for one, at, height in zip(bins, x, y, strict=True):
        axes.annotate(f" {one['total']}", (at, height), fontsize=7, color="#555555", va="top")
    axes.set(xlabel="confidence", ylabel="share of right readings", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="upper left")
    return True


def _devices(figure: Any, report: Mapping[str, Any]) -> bool:
    rows = report["by"].get("devices", {})
    if not rows:
        return False
    axes = _axes(figure, "Exact plans by the devices of a home")
    shares = [row["exact"] for row in rows.values()]
    x, y, errors = _points(shares, [float(size) for size in rows])
    axes.errorbar(x, y, yerr=errors, color=_INK, marker="o", capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{size:.0f}" for size in x])
    axes.minorticks_off()
    axes.set(xlabel="devices", ylabel="share of exact plans", ylim=(0, 1.02))
    return True


def _actions(figure: Any, report: Mapping[str, Any]) -> bool:
    rows = report["by"].get("what", {})
    if not rows:
        return False
    most = sorted(rows.items(), key=lambda item: -item[1]["exact"]["total"])[:_MOST_BARS]
    most.sort(key=lambda item: item[1]["exact"]["value"])
    figure.set_size_inches(7, 1.2 + 0.22 * len(most))
    axes = _axes(figure, "Exact by what is meant")
    shares = [row["exact"] for _, row in most]
    places = [float(place) for place in range(len(most))]
    _, values, errors = _points(shares, places)
    axes.barh(places, values, color=_SOFT, xerr=errors, ecolor=_INK, capsize=2)
    axes.set_yticks(places, [f"{name} ({row['exact']['total']})" for name, row in most], fontsize=7)
    axes.set(xlabel="share of exact meanings", xlim=(0, 1.02))
    return True


_PICTURES: Mapping[str, tuple[str, Callable[[Any, Mapping[str, Any]], bool]]] = MappingProxyType(
    {
        "reliability": ("Confidence and share of right readings", _reliability),
        "devices": ("Exact plans by size of the home", _devices),
        "actions": ("Exact meanings by what is meant", _actions),
    }
)


def _points(
    shares: Sequence[Mapping[str, Any]], at: Sequence[float]
) -> tuple[Sequence[float], list[float], list[list[float]]]:
    """Places, values, and how far the intervals reach below and above."""
    values = [float(one["value"] or 0.0) for one in shares]
    below = [max(0.0, value - one["low"]) for one, value in zip(shares, values, strict=True)]
    above = [max(0.0, one["high"] - value) for one, value in zip(shares, values, strict=True)]
    return at, values, [below, above]
