"""Whatever stands in an SLO file: it is read, or refused with places; nothing else comes out."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.slo import compile_slos, read_slos
from tests.slo.test_openslo import ALPHA, POLICIES, POLICY_OBJECTS, SLO
from tests.slo.test_sloth import FILE, OBJECT, with_block

BLOCK = with_block(
    """\
calendar: {unit: month, count: 2, start: "2026-01-01", time_zone: Europe/Paris}
budgeting: {method: timeslices, slice: 5m, target: 0.95}
exclusions:
  - {reason: x, start: "2026-03-01T22:00", end: "2026-03-02T02:00"}
  - {reason: y, cron: "0 3 * * sun", duration: 2h}
budget_policy: [{below: 25%, action: stop}]"""
)
TEXTS = [FILE, BLOCK, OBJECT, SLO, ALPHA, SLO.replace("---\n", POLICIES + "---\n", 1) + POLICY_OBJECTS]
SHAPES = ["", "null", "[]", "{}", "[[]]", "{a: b}", "&a [*a]", '"\\0"', "'{{'"]
NUMBERS = ["-1", "1e999", ".nan", "99999999999999999999", "2026-13-45", "9223372036854775807d"]
ODD = st.sampled_from([*SHAPES, *NUMBERS, "x" * 300, "é🙂"])
PLACED = re.compile(r"f\.yml:\d+:\d+: .+", re.DOTALL)
VALUE = re.compile(r"(?<=: )[^\n{\[]+?(?=[,}\]\n])|\{[^{}\n]*\}|\[[^\[\]\n]*\]")


@settings(max_examples=150, deadline=None)
@given(
    text=st.sampled_from(TEXTS),
    changes=st.lists(st.tuples(st.integers(0, 200), ODD), min_size=1, max_size=2),
    cut=st.integers(0, 60),
)
def test_a_file_with_odd_values_is_read_or_refused_with_places(text, changes, cut):
    for number, odd in changes:
        found = list(VALUE.finditer(text))
        at = found[number % len(found)]
        text = text[: at.start()] + odd + text[at.end() :]
    lines = text.splitlines(keepends=True)
    if cut < len(lines):
        del lines[cut]
    try:
        read_slos("".join(lines), "f.yml")
    except SchemaError as error:
        assert error.problems
        assert all(PLACED.fullmatch(each) for each in error.problems), error.problems


def many(count: int) -> str:
    head, _, slo = FILE.partition("slos:\n")
    return head + "slos:\n" + "".join(slo.replace("name: answers", f"name: answers-{n}") for n in range(count))


def calls_for(count: int) -> int:
    """Return how many functions are called to read and compile so many SLOs."""
    calls = 0

    def counted(_frame: object, event: str, _what: object) -> None:
        nonlocal calls
        calls += event == "call"

    text = many(count)
    sys.setprofile(counted)
    try:
        found = compile_slos(read_slos(text, "f.yml").slos)
    finally:
        sys.setprofile(None)
    assert len(found) == count
    return calls


def test_a_file_of_many_slos_takes_as_much_work_for_each_as_a_short_one():
    """Ten thousand are seconds, not hours: nothing looks at every other SLO for each."""
    calls_for(5)

    assert calls_for(200) < 10 * calls_for(20) * 1.2


BOMB = "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB + FILE + "slo_plugins: {chain: *x11}\n", "aliases expand to more than 100000 nodes"),
        (BOMB + FILE.partition("slos:")[0] + "slos: *x11\n", "expected a mapping"),
        (FILE.partition("slos:")[0] + "slos: &a [*a]\n", "expected a mapping"),
        (FILE.partition("slos:")[0] + "slos: " + "[" * 5_000 + "]" * 5_000 + "\n", "nested deeper than 64 levels"),
        (FILE + "    description: " + "x" * (17 * 2**20), ""),
    ],
)
def test_what_would_grow_without_end_is_refused_at_once(text, said, tmp_path):
    from agent.slo import load_slos

    (tmp_path / "f.yml").write_text(text)
    with pytest.raises(SchemaError) as refused:
        load_slos([tmp_path / "f.yml"])

    assert (said or "larger than 16 MB; split it") in refused.value.problems[0]
    assert len(refused.value.problems) < 20
