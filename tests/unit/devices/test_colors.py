import pytest

from edge_agent.devices import colors


@pytest.mark.parametrize("name", colors.NAMES)
def test_a_named_colour_comes_back_in_every_format(name):
    hue, saturation = colors.HS[name]
    assert colors.name_of_hs(hue, saturation) == name
    assert colors.name_of_rgb(*colors.rgb_of(name)) == name
    assert colors.name_of_xy(*colors.xy_of(name)) == name
    assert colors.name_of_code(colors.code_of(name)) == name


@pytest.mark.parametrize("name", colors.NAMES)
def test_a_dim_colour_keeps_its_name(name):
    assert colors.name_of_rgb(*(channel * 0.3 for channel in colors.rgb_of(name))) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("#FF0000", "red"),
        ("#00ff00", "green"),
        ("0000FF", "blue"),
        ("#FFA500", "orange"),
        ("#800080", "purple"),
        ("#FFFFFF", "white"),
        ("#000000", None),
        ("red", None),
        ("#12345", None),
    ],
)
def test_codes(code, name):
    assert colors.name_of_code(code) == name


def test_what_is_no_colour_has_no_name():
    assert colors.name_of_rgb(0, 0, 0) is None
    assert colors.name_of_xy(0.3, 0) is None
    assert colors.name_of_xy(2, 2) is None
