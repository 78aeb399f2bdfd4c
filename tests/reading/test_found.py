"""Readings: one value where all that was found agrees, none where it competes."""

from harness.reading import Found, Reading, agreed, nothing


def test_readings_that_agree_are_one_value_with_all_of_its_evidence() -> None:
    found = [Found("B", "(B)", 3, "in brackets"), Found("B", "**B**", 20, "in bold")]
    reading = agreed(found, "no letter")
    assert (reading.value, reading.why, reading.found) == ("B", "in brackets", tuple(found))
    assert not reading.competing


def test_readings_that_differ_decide_nothing_and_are_named() -> None:
    reading = agreed([Found("A", "(A)", 0, "in brackets"), Found("B", "(B)", 9, "in brackets")], "no letter")
    assert reading.value is None
    assert reading.competing
    assert "'(A)'" in reading.why
    assert "'(B)'" in reading.why


def test_values_may_be_the_same_under_another_key() -> None:
    found = [Found("Yes", "Yes", 0, "first word"), Found("yes", "yes", 9, "last word")]
    assert agreed(found, "neither", key=str.lower).value == "Yes"


def test_a_text_that_says_nothing_has_no_evidence() -> None:
    reading: Reading[str] = nothing("no number")
    assert (reading.value, reading.why, reading.found, reading.competing) == (None, "no number", (), False)
