"""Colours by name: to what lamps take, and from what lamps report back to the nearest name.

A name stands for hue and saturation; brightness is another attribute. The conversions between
xy and RGB are those of the sRGB standard (IEC 61966-2-1, D65).
"""

import colorsys
import math
from collections.abc import Mapping
from typing import Final

HS: Final[Mapping[str, tuple[float, float]]] = {
    "white": (0, 0),
    "warm white": (30, 33),
    "cool white": (220, 14),
    "red": (0, 100),
    "crimson": (348, 91),
    "salmon": (6, 54),
    "coral": (16, 69),
    "peach": (28, 50),
    "orange": (36, 100),
    "amber": (45, 100),
    "gold": (51, 100),
    "yellow": (60, 100),
    "chartreuse": (75, 100),
    "lime": (90, 100),
    "light green": (120, 45),
    "green": (120, 100),
    "mint": (150, 45),
    "spring green": (150, 100),
    "turquoise": (174, 72),
    "cyan": (180, 100),
    "light blue": (200, 40),
    "sky blue": (200, 100),
    "azure": (215, 70),
    "blue": (240, 100),
    "indigo": (260, 100),
    "lavender": (255, 45),
    "violet": (275, 100),
    "purple": (285, 80),
    "magenta": (300, 100),
    "orchid": (302, 49),
    "pink": (345, 35),
    "hot pink": (330, 80),
}
"""Hue in degrees and saturation in percent, by name."""

_CODES: Final[Mapping[str, str]] = {
    "4b0082": "indigo",
    "800080": "purple",
    "ee82ee": "violet",
}
# CSS colours that lie nearer to another of the names, darkness not being counted.

NAMES: Final = tuple(HS)


def rgb_of(name: str) -> tuple[int, int, int]:
    """Red, green and blue of a named colour, 0..255, at full brightness."""
    hue, saturation = HS[name]
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, saturation / 100, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def xy_of(name: str) -> tuple[float, float]:
    """CIE 1931 x and y of a named colour, to four decimals."""
    red, green, blue = (_linear(channel / 255) for channel in rgb_of(name))
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    total = x + y + z
    return round(x / total, 4), round(y / total, 4)


def name_of_hs(hue: float, saturation: float) -> str:
    """The named colour nearest to a hue in degrees and a saturation in percent."""
    here = _point(hue, saturation)
    return min(HS, key=lambda name: math.dist(here, _point(*HS[name])))


def name_of_rgb(red: float, green: float, blue: float) -> str | None:
    """The nearest named colour, whatever the brightness; None for black."""
    channels = [max(0.0, channel) for channel in (red, green, blue)]
    largest = max(channels)
    if largest <= 0:
        return None
    hue, saturation, _ = colorsys.rgb_to_hsv(*(channel / largest for channel in channels))
    return name_of_hs(hue * 360, saturation * 100)


def name_of_code(code: str) -> str | None:
    """The nearest named colour of `#RRGGBB`; None for another form and for black."""
    digits = code.removeprefix("#").lower()
    if len(digits) != 6 or not set(digits) <= set("0123456789abcdef"):
        return None
    return _CODES.get(digits) or name_of_rgb(*bytes.fromhex(digits))


def code_of(name: str) -> str:
    """`#RRGGBB` of a named colour."""
    return "#{:02X}{:02X}{:02X}".format(*rgb_of(name))


def name_of_xy(x: float, y: float) -> str | None:
    """The nearest named colour of a point in the CIE 1931 diagram; None outside of it."""
    if not (0 <= x <= 1 and 0 < y <= 1):
        return None
    z = max(0.0, 1 - x - y)
    red = (3.2406 * x - 1.5372 * y - 0.4986 * z) / y
    green = (-0.9689 * x + 1.8758 * y + 0.0415 * z) / y
    blue = (0.0557 * x - 0.2040 * y + 1.0570 * z) / y
    largest = max(red, green, blue)
    if largest <= 0:
        return None
    return name_of_rgb(*(_encoded(max(0.0, channel / largest)) for channel in (red, green, blue)))


def _point(hue: float, saturation: float) -> tuple[float, float]:
    angle = math.radians(hue)
    return saturation * math.cos(angle), saturation * math.sin(angle)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
