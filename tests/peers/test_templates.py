"""Generated templates through a real promtool and through ours: refused alike, and printed alike for each of many values.

`python -m tests.peers.templates` tries other seeds; the tables of tests/gotemplate are compared there.
"""

from __future__ import annotations

import pytest

from tests.peers.templates import Dice, disagreements, printed_by_us, refused_by_us

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

SEED, COUNT = 3, 700


def test_promtool_refuses_and_prints_generated_templates_as_we_do(tmp_path, peer):
    found, compared = disagreements(peer("promtool", "prometheus"), Dice(SEED).templates(COUNT), tmp_path)
    assert found == []
    assert compared > 5_000


def test_the_generated_templates_are_of_every_kind():
    """Otherwise the test above would compare little: words, functions and verbs all occur, some fail and some are refused."""
    templates = Dice(SEED).templates(COUNT)
    whole = " ".join(templates)
    for word in (
        "if",
        "else if",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "printf",
        "eq",
        "{{-",
    ):
        assert word in whole
    assert sum(bool(refused_by_us(text)) for text in templates) > 20
    printed = [printed_by_us(text, 2) for text in templates if not refused_by_us(text)]
    assert sum(text.startswith("<error expanding template") for text in printed) > 50
    assert sum(bool(text) and "<error" not in text for text in printed) > 200
