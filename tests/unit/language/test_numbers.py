import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.language.numbers import numbers_in, spell

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number):
    """A whole number as it is said; the other way round than the code under test."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return TENS[tens - 2] + (f"-{UNITS[unit]}" if unit else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{UNITS[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    return f"{in_words(thousands)} thousand" + (f" {in_words(rest)}" if rest else "")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("set it to 21", (21,)),
        ("21.5 degrees", (21.5,)),
        ("21,5 degrees", (21.5,)),
        ("2,700 kelvin", (2700,)),
        ("twenty seven hundred kelvin", (2700,)),
        ("two thousand seven hundred", (2700,)),
        ("-3 degrees", (-3,)),
        ("minus five", (-5,)),
        ("minus 18", (-18,)),
        ("10-20", (10, 20)),
        ("to 40%", (40,)),
        ("twenty-one", (21,)),
        ("twenty one", (21,)),
        ("twenty one and a half", (21.5,)),
        ("18 and a half", (18.5,)),
        ("twenty point five", (20.5,)),
        ("zero point two five", (0.25,)),
        ("a hundred percent", (100,)),
        ("hundred", (100,)),
        ("one hundred and five", (105,)),
        ("one hundred twenty", (120,)),
        ("half", (50,)),
        ("halfway", (50,)),
        ("half a degree", (0.5,)),
        ("a quarter", (25,)),
        ("three quarters", (75,)),
        ("two thirds", (66,)),
        ("between 18 and 21 or 18", (18, 21)),
        ("twenty hundred lights and the fan", (2000,)),
        ("one hundred and the lights", (100,)),
        ("nineteen five", (19, 5)),
        ("thirty eleven", (30, 11)),
        ("minus", ()),
        ("point", ()),
        ("no number at all", ()),
        ("tone often weight", ()),
        ("", ()),
        ("5\N{SUPERSCRIPT TWO}", (5,)),
        ("\N{CIRCLED DIGIT ONE}", ()),
        ("\u0663", (3,)),  # an Arabic three
        ("1 2 3 4 5 6 7 8", (1, 2, 3, 4, 5, 6)),
    ],
)
def test_numbers_of_a_sentence(text, numbers):
    assert numbers_in(text) == numbers


@given(st.integers(0, 999_999))
def test_number_in_words_is_the_number(number):
    assert numbers_in(f"set it to {in_words(number)} please") == (number,)


@given(st.integers(0, 99), st.integers(1, 9))
def test_decimal_in_words_is_the_number(whole, tenth):
    said = f"{in_words(whole)} point {in_words(tenth)}"
    assert numbers_in(said) == (pytest.approx(whole + tenth / 10),)
    assert numbers_in(f"{in_words(whole)} and a half") == (whole + 0.5,)


@given(st.integers(-9_999, 9_999), st.sampled_from([1, 10, 100]))
def test_number_that_the_grammar_writes_is_read_back(digits, divisor):
    assert numbers_in(spell(digits / divisor)) == (digits / divisor,)


@given(st.text(max_size=60))
def test_any_text_has_numbers_or_none(text):
    found = numbers_in(text)
    assert len(found) <= 6
    assert all(number == number for number in found)  # noqa: PLR0124 - no NaN


HEAP = [*UNITS, *TENS, *"hundred thousand and a half point minus third - 3 4.5 ,".split()]


@given(st.lists(st.sampled_from(HEAP), max_size=12))
def test_any_heap_of_number_words_is_read_without_a_fault(words):
    assert len(numbers_in(" ".join(words))) <= 6
