"""Windows come as sloth's files; what is wrong with one is said with its place."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.model import parse_duration
from agent.slo.windows import Catalog, read_windows

GOOD = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 24h}
    slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 72h}
"""


def test_a_users_windows_take_the_place_of_ours(tmp_path):
    (tmp_path / "week.yaml").write_text(GOOD)
    catalog = Catalog.load(tmp_path)

    week, month = (catalog.windows(parse_duration(each)) for each in ("7d", "30d"))

    assert [week.factor(tier) for tier in week.tiers] == pytest.approx([13.44, 3.5, 1.4, 0.98])
    assert [month.factor(tier) for tier in month.tiers] == pytest.approx([14.4, 6, 3, 1])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("AlertWindows", "Windows", "w.yml:2:7: expected AlertWindows"),
        ("slok.dev/v1", "slok.dev/v2", "w.yml:1:13: expected sloth.slok.dev/v1"),
        ("  sloPeriod: 7d\n", "", 'w.yml:4:3: missing key "sloPeriod"'),
        ("sloPeriod: 7d", "sloPeriod: 1x", "w.yml:4:14: not a valid duration"),
        ("sloPeriod: 7d", "sloPeriod: 12h", "w.yml:4:14: a period has at least one day"),
        ("sloPeriod: 7d", "sloPeriod: 11y", "w.yml:4:14: a period has at most ten years"),
        ("sloPeriod: 7d", "sloPeriod: 2d", "w.yml:10:11: ticket.slow: its long window is longer than the period of 2d"),
        ("shortWindow: 5m", "shortWindow: 1h", "the short window (1h) is not shorter than the long one (1h)"),
        ("shortWindow: 5m", "shortWindow: 0s", "a window has a length"),
        ("Percent: 8", "Percent: 0", "above 0 and at most 100 percent"),
        ("Percent: 42", "Percent: 142", "above 0 and at most 100 percent"),
        ("Percent: 42", "Percent: 90", "w.yml:10:11: ticket.slow asks for a burn rate of 2.1, ticket.quick for 1.4"),
        ("Percent: 20", "Percent: 60", "w.yml:9:12: ticket.quick asks for a burn rate of 4.2, page.slow for 3.5"),
        ("shortWindow: 5m", "shortwindow: 5m", 'did you mean "shortWindow"?'),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(old, new, said):
    with pytest.raises(SchemaError) as caught:
        read_windows(GOOD.replace(old, new, 1), "w.yml")

    assert any(said in problem for problem in caught.value.problems), caught.value


def test_two_files_for_one_period_are_refused(tmp_path):
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(GOOD)

    with pytest.raises(SchemaError, match=r"b\.yml:1:1: .*a\.yml has windows for 1w already"):
        Catalog.load(tmp_path)


def test_a_folder_without_windows_is_refused(tmp_path):
    with pytest.raises(SchemaError, match=r"it holds no \.yml file"):
        Catalog.load(tmp_path)
    with pytest.raises(SchemaError, match="it is no folder"):
        Catalog.load(tmp_path / "nothing")
