"""How many parts a text takes, against a slow count, and that a cut never leaves half of anything."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.messages.gsm7 import BASIC, EXTENSION, is_gsm7
from agent.notify.messages.segments import Alphabet, alphabet_for, alphabet_of, capacity, clip, segments, units, write

GSM = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=700)
WIDE = st.text(alphabet="ab{€жщ漢🔥\u0301", max_size=400)


def slow_count(text: str) -> int:
    """Encode the text as a phone would, and deal the encoded units out one character at a time."""
    if all(each in BASIC or each in EXTENSION for each in text):
        coded = [["esc", each] if each in EXTENSION else [each] for each in text]
        single, part = 160, 153
    else:
        encoded = [each.encode("utf-16-be") for each in text]
        coded = [[each[i : i + 2] for i in range(0, len(each), 2)] for each in encoded]
        single, part = 70, 67
    if len([unit for character in coded for unit in character]) <= single:
        return 1
    parts: list[list[object]] = [[]]
    for character in coded:
        if len(parts[-1]) + len(character) > part:
            parts.append([])
        parts[-1].extend(character)
    return len(parts)


@given(GSM | WIDE)
def test_parts_are_counted_as_they_are_dealt_out(text):
    assert segments(text) == slow_count(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # the pair does not straddle: 152 + 1 lost, 2 + 151, and one more part
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("🔥" * 35, 1),
        ("🔥" * 36, 2),
        ("🔥" * 67, 3),  # 33 pairs in each part of 67
    ],
)
def test_known_lengths(text, parts):
    assert segments(text) == parts


@given(GSM | WIDE, st.integers(min_value=2, max_value=400))
def test_a_clipped_text_fits_and_is_a_beginning(text, limit):
    alphabet = alphabet_of(text)
    cut = clip(text, limit, alphabet)
    assert units(cut, alphabet) <= limit
    assert cut == text or (cut.endswith("..") and text.startswith(cut[:-2]))
    assert "\ufffd" not in cut.encode("utf-16-be", "replace").decode("utf-16-be")


def test_an_accent_is_not_cut_from_its_letter():
    text = "ж" + "ж\u0301" * 9
    assert clip(text, 7, Alphabet.UCS2) == "жж\u0301ж\u0301.."
    assert clip(text, 6, Alphabet.UCS2) == "жж\u0301.."


@given(GSM | WIDE, st.integers(min_value=1, max_value=5))
def test_what_is_clipped_to_a_capacity_takes_no_more_parts(text, most):
    alphabet = alphabet_of(text)
    assert segments(clip(text, capacity(alphabet, most), alphabet)) <= most


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("rag HighErrorRate: 7% of queries fail", Alphabet.GSM7),
        ("Σφάλμα υπηρεσίας", Alphabet.GSM7),
        ("łódź ça", Alphabet.GSM7),
        ("disk 🔥🔥", Alphabet.GSM7),
        ("the answer of тест is much too late for people today", Alphabet.GSM7),
        ("rag: высокая доля ошибок", Alphabet.UCS2),
        ("検索が遅い", Alphabet.UCS2),
        ("", Alphabet.GSM7),
    ],
)
def test_the_alphabet_is_left_only_where_too_much_would_be_lost(text, alphabet):
    """Up to a tenth of the letters may become `?` (a quoted word); more would leave a riddle."""
    assert alphabet_for(text) is alphabet


@given(st.text())
def test_what_is_written_wide_is_one_visible_line(text):
    written = write(text, Alphabet.UCS2)
    assert all(unicodedata.category(each) not in ("Cc", "Cs", "Zl", "Zp") for each in written)
    assert written.encode("utf-16-be").decode("utf-16-be") == written


@given(st.text())
def test_what_is_written_narrow_is_in_the_alphabet(text):
    assert is_gsm7(write(text, Alphabet.GSM7))
