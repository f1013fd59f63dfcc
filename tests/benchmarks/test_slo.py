"""The benchmark of budgets: an objective for each route of the page, and an engine that counts what the page says."""

from __future__ import annotations

from argparse import Namespace

from agent.slo.compile import Dialect, Setting, compile_slos
from benchmarks.pages import UNIT, Page
from benchmarks.slo import _ours, _slos


def test_each_route_of_the_page_has_an_objective_that_is_counted():
    page = Page(5 * UNIT)
    slos = _slos(page)

    assert len(slos) == 5
    assert _ours(slos, page, Namespace(rounds=3, interval=15))["share"] > 0


def test_sloth_makes_17_rules_of_each():
    compiled = compile_slos(_slos(Page(3 * UNIT)), Setting(Dialect.SLOTH))

    assert [sum(len(group.rules) for group in each.groups) for each in compiled] == [17] * 3
