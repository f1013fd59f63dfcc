"""The demo lives faster than the shipped files and differs from them in nothing else."""

from __future__ import annotations

import pytest
import yaml

from agent.config import shipped
from agent.demo.files import windows
from agent.demo.overlay import SPEED, divided, rescale, rescale_expression
from agent.errors import InvalidInput
from agent.model import parse_duration
from agent.slo import Catalog

FOLDERS = (shipped("rules"), shipped("rules", "slos"), shipped("alertmanager"))
FILES = sorted((path for folder in FOLDERS for path in folder.glob("*.yml")), key=lambda path: path.name)


def every_duration_is(word):
    return lambda _: word


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_overlay_changes_durations_and_nothing_else(path):
    """With each duration replaced by one word, the shipped file and the demo's are the same text."""
    text = path.read_text()

    assert rescale(text, every_duration_is("1s")) == rescale(rescale(text), every_duration_is("1s"))
    assert yaml.safe_load(rescale(text, lambda duration: duration)) == yaml.safe_load(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_overlay_only_shortens(path):
    seen = []
    rescale(path.read_text(), lambda duration: (seen.append(duration), duration)[1])

    assert all(parse_duration(divided(each)) * SPEED <= parse_duration(each) for each in seen if parse_duration(each))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(x[5m])", "rate(x[20s])"),
        ("x offset 1h", "x offset 4m"),
        ('x{a="5m"} > 300', 'x{a="5m"} > 300'),
        ("avg_over_time(up[1h:15s])", "avg_over_time(up[4m:1s])"),
        ("time() - t > 26 * 3600 # 5m", "time() - t > 26 * 3600 # 5m"),
        ("m5m + x[5m]", "m5m + x[20s]"),
        ("uptime < 60", "uptime < 4"),
        ("p95_response_time > 5.0", "p95_response_time > 5.0"),
    ],
)
def test_a_duration_is_found_where_promql_has_one(expression, expected):
    assert expected == rescale_expression(expression)


def test_what_is_not_promql_is_said_and_not_guessed_at():
    with pytest.raises(InvalidInput, match="cannot rescale"):
        rescale_expression("rate(x[5m")


def test_objectives_burn_at_the_shipped_rates_in_windows_that_are_sixty_times_shorter(tmp_path):
    (tmp_path / "1d.yml").write_text(windows())
    ours, month = (
        Catalog.load(tmp_path).windows(parse_duration("1d")),
        Catalog().windows(parse_duration("30d")),
    )

    assert [ours.factor(each) for each in ours.tiers] == pytest.approx([month.factor(each) for each in month.tiers])
    assert [(each.short_ms * 60, each.long_ms * 60) for each in ours.tiers] == [
        (each.short_ms, each.long_ms) for each in month.tiers
    ]


def test_values_keep_their_kind():
    text = 'groups: [{name: a, rules: [{alert: A, expr: "1", for: 15s, labels: {n: "5", t: 5m, u: ~}}]}]'

    rule = yaml.safe_load(rescale(text))["groups"][0]["rules"][0]

    assert rule == {"alert": "A", "expr": "1", "for": "1s", "labels": {"n": "5", "t": "5m", "u": None}}
