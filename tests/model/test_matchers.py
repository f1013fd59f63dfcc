"""One matcher for selectors, routes, silences and inhibition."""

from __future__ import annotations

import pytest

from agent.model import Labels, Matcher, MatchOp, match_all


@pytest.mark.parametrize(
    ("op", "pattern", "value", "expected"),
    [
        ("=", "a", "a", True),
        ("=", "", "", True),
        ("!=", "a", "", True),
        ("!=", "a", "a", False),
        ("=~", "a|b", "b", True),
        ("=~", "a|b", "ab", False),
        ("=~", "a|b", "b\n", False),
        ("=~", ".*", "a\nb", True),
        ("=~", ".+", "", False),
        ("!~", "a.*", "ba", True),
        ("!~", "a.*", "ab", False),
    ],
)
def test_a_matcher_compares_the_whole_value(op, pattern, value, expected):
    assert expected is Matcher("l", MatchOp(op), pattern).matches(value)


def test_a_missing_label_is_the_empty_string():
    assert Matcher("team", MatchOp.EQUAL, "").matches_labels(Labels.of(job="x"))
    assert not Matcher("team", MatchOp.NOT_EQUAL, "").matches_labels(Labels.of(job="x"))


@pytest.mark.parametrize("pattern", ["(?=x)", r"(a)\1", "(", "a{1001}", "*"])
def test_what_re2_cannot_run_in_linear_time_is_refused_with_its_text(pattern):
    with pytest.raises(ValueError, match="invalid regular expression"):
        Matcher("l", MatchOp.REGEX, pattern)


def test_matchers_are_values():
    assert Matcher("a", MatchOp.REGEX, "x.*") == Matcher("a", MatchOp.REGEX, "x.*")
    assert str(Matcher("a", MatchOp.REGEX, 'x"')) == 'a=~"x\\""'


def test_all_of_no_matchers_match():
    assert match_all([], Labels())
    assert not match_all([Matcher("a", MatchOp.EQUAL, "1")], Labels())
