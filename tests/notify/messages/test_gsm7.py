"""The GSM alphabet: what it carries, what it costs, and that everything can be written in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.messages.gsm7 import BASIC, EXTENSION, clip, septets, to_gsm7


def test_the_alphabet_has_the_127_characters_of_the_standard_and_nine_in_the_extension():
    """3GPP TS 23.038 has 128 code points, of which one is the escape to the extension table."""
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10  # the nine that print, and form feed


@pytest.mark.parametrize(
    ("text", "cost"), [("abc", 3), ("@_é", 3), ("€", 2), ("[a]", 5), ("^{}\\~|", 12), ("", 0), ("\n", 1)]
)
def test_characters_of_the_extension_cost_two(text, cost):
    assert septets(text) == cost


@pytest.mark.parametrize("text", ["`", "…", "’", "–", "🔥", "ç"])
def test_a_character_outside_the_alphabet_is_an_error(text):
    with pytest.raises(ValueError, match="not in the GSM"):
        septets(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("it’s “5–10 %” …", 'it\'s "5-10 %" ..'),
        ("`rag`", "'rag'"),
        ("ça côte", "ca cote"),
        ("café Ä ß", "café Ä ß"),
        ("a ≥ b → c", "a >= b -> c"),
        ("two\nlines\r\n\tend", "two lines end"),
        ("fire 🔥", "fire ?"),
        ("zero\u200bwidth", "zerowidth"),
        ("no\u00a0break", "no break"),
    ],
)
def test_what_the_alphabet_lacks_is_spelled_out(text, written):
    assert to_gsm7(text) == written


@given(st.text())
def test_any_text_can_be_written_and_counted(text):
    assert septets(to_gsm7(text)) >= 0


@given(st.text(alphabet=sorted(BASIC | EXTENSION)), st.integers(min_value=2, max_value=40))
def test_a_clipped_text_fits_and_is_a_beginning(text, limit):
    cut = clip(text, limit)
    assert septets(cut) <= limit
    assert cut == text or (cut.endswith("..") and text.startswith(cut[:-2]))
