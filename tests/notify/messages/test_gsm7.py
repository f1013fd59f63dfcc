"""The GSM alphabet: what it carries, what it costs, and that everything can be written in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.messages.gsm7 import BASIC, EXTENSION, is_gsm7, losses, septets, to_gsm7

# 3GPP TS 23.038, the default alphabet by columns 0-7 of the table, rows 0-F; None is the escape.
TABLE = [
    ["@", "£", "$", "¥", "è", "é", "ù", "ì", "ò", "Ç", "\n", "Ø", "ø", "\r", "Å", "å"],
    ["Δ", "_", "Φ", "Γ", "Λ", "Ω", "Π", "Ψ", "Σ", "Θ", "Ξ", None, "Æ", "æ", "ß", "É"],
    list(" !\"#¤%&'()*+,-./"),
    list("0123456789:;<=>?"),
    list("¡ABCDEFGHIJKLMNO"),
    list("PQRSTUVWXYZÄÖÑÜ§"),
    list("¿abcdefghijklmno"),
    list("pqrstuvwxyzäöñüà"),
]


def test_the_alphabet_is_the_table_of_the_standard():
    """128 code points, one of which escapes to the extension: nine that print, and the form feed."""
    assert all(len(column) == 16 for column in TABLE)
    assert {each for column in TABLE for each in column if each} == BASIC
    assert frozenset("\f^{}\\[~]|€") == EXTENSION


@pytest.mark.parametrize(
    ("text", "cost"), [("abc", 3), ("@_é", 3), ("€", 2), ("[a]", 5), ("^{}\\~|", 12), ("", 0), ("\n", 1)]
)
def test_characters_of_the_extension_cost_two(text, cost):
    assert septets(text) == cost


@pytest.mark.parametrize("text", ["`", "…", "’", "–", "🔥", "ç"])
def test_a_character_outside_the_alphabet_is_an_error(text):
    assert not is_gsm7(text)
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
        ("🔥🔥🔥 hot", "? hot"),
        ("zero\u200bwidth", "zerowidth"),
        ("no\u00a0break", "no break"),
        ("half a \ud83d pair", "half a pair"),
        ("ﬁn ½ ² ㎏", "fin 1/2 2 kg"),
        ("Ｆｕｌｌ", "Full"),
        ("Łódź Đakovo Þór İı", "Lodz Dakovo Thor Ii"),
        ("Σφάλμα υπηρεσίας", "ΣΦAΛMA YΠHPEΣIAΣ"),
        ("ΑΒΓ Ώρα μου", "ABΓ ΩPA MOY"),
        ("5 μs, 5 µs", "5 us, 5 us"),
    ],
)
def test_what_the_alphabet_lacks_is_spelled_out(text, written):
    assert to_gsm7(text) == written


@pytest.mark.parametrize(
    ("text", "lost"),
    [("plain", 0), ("ça Σφάλμα", 0), ("Ошибка", 6), ("遅延 rag", 2), ("خطأ", 3), ("🔥 fire", 0)],
)
def test_letters_without_a_spelling_are_counted(text, lost):
    """A flame is no letter: nothing is misread without it."""
    assert losses(text)[0] == lost


@given(st.text())
def test_any_text_can_be_written_and_counted(text):
    assert septets(to_gsm7(text)) >= 0


@given(st.text(alphabet=sorted(BASIC | EXTENSION)))
def test_what_is_in_the_alphabet_stays_but_for_its_spaces(text):
    assert to_gsm7(text).split() == text.split()
