"""What nodes of the tree inherit, how alerts are grouped by them, and their keys: what tests/notify/test_routing does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Labels
from agent.notify import Routing, load_routing

TREE = """
route:
  receiver: root
  group_by: ['...']
  labels: {tier: low, area: x}
  routes:
  - matchers: [kind=inherits]
    routes: [{matchers: [deep=yes], receiver: deep}]
  - matchers: [kind=names]
    group_by: [alertname]
    labels: {tier: high}
    routes: [{matchers: [deep=yes], group_by: [], receiver: deep}]
  - matchers: [kind=nothing]
    group_by: []
  - match: {kind: all}
    match_re: {zone: 'a|b'}
    matchers: ['rack!="r1"', 'row=~"[0-9]+"']
    receiver: deep
    continue: true
  - matchers: [kind=all]
    continue: true
    routes: [{matchers: [deep=yes], receiver: deep, group_wait: 7s}]
  - matchers: ['absent=""', 'kind=bare']
    receiver: deep
  - matchers: ['absent!=""', 'kind=bare']
    receiver: root
  - matchers: ['"é ü"="ö"']
    receiver: deep
receivers: [{name: root}, {name: deep}]
"""
LABELS = Labels({"alertname": "A", "job": "j"})


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Routing:
    path: Path = tmp_path_factory.mktemp("tree") / "alertmanager.yml"
    path.write_text(TREE)
    return load_routing(path)


GROUPED = [
    ({}, "all"),
    ({"kind": "inherits"}, "all"),
    ({"kind": "inherits", "deep": "yes"}, "all"),
    ({"kind": "names"}, {"alertname": "A"}),
    ({"kind": "names", "deep": "yes"}, {}),
    ({"kind": "nothing"}, {}),
]


@pytest.mark.parametrize(("more", "expected"), GROUPED)
def test_names_and_an_empty_list_replace_the_parents_wildcard_and_nothing_inherits_it(tree, more, expected):
    labels = LABELS.merged(more)
    (route,) = tree.match(labels)
    assert dict(route.group_labels(labels)) == (dict(labels) if expected == "all" else expected)


MATCHED = [
    # labels beside kind=all, receivers in order
    ({}, ["root"]),
    ({"zone": "a", "rack": "r2", "row": "7"}, ["deep", "root"]),
    ({"zone": "a", "row": "7"}, ["deep", "root"]),
    ({"zone": "a", "rack": "r1", "row": "7"}, ["root"]),
    ({"zone": "ab", "rack": "r2", "row": "7"}, ["root"]),
    ({"zone": "a", "rack": "r2", "row": "7b"}, ["root"]),
    ({"zone": "a", "rack": "r2"}, ["root"]),
    ({"zone": "b", "row": "7", "deep": "yes"}, ["deep", "deep"]),
]


@pytest.mark.parametrize(("more", "receivers"), MATCHED)
def test_match_match_re_and_matchers_must_all_match(tree, more, receivers):
    assert [route.receiver for route in tree.match(LABELS.merged({"kind": "all", **more}))] == receivers


def test_a_label_that_is_not_there_is_an_empty_one(tree):
    assert [each.receiver for each in tree.match({"kind": "bare"})] == ["deep"]
    assert [each.receiver for each in tree.match({"kind": "bare", "absent": ""})] == ["deep"]
    assert [each.receiver for each in tree.match({"kind": "bare", "absent": "x"})] == ["root"]


def test_labels_of_routes_are_merged_from_the_root_down(tree):
    (route,) = tree.match({"kind": "names", "deep": "yes"})
    assert dict(route.labels) == {"tier": "high", "area": "x"}


KEYS = [
    ({}, "{}"),
    ({"kind": "inherits"}, '{}/{kind="inherits"}'),
    ({"kind": "names", "deep": "yes"}, '{}/{kind="names"}/{deep="yes"}'),
    ({"é ü": "ö"}, '{}/{"é ü"="ö"}'),
]


@pytest.mark.parametrize(("labels", "key"), KEYS)
def test_a_key_is_the_matchers_from_the_root_down(tree, labels, key):
    (route,) = tree.match(labels)
    assert route.key == key


def test_the_matchers_of_a_key_are_sorted_by_name_and_a_match_re_shows_its_anchors(tree):
    first, _ = tree.match({"kind": "all", "zone": "a", "rack": "r2", "row": "7"})
    assert first.key == '{}/{kind="all",rack!="r1",row=~"[0-9]+",zone=~"^(?:a|b)$"}'
    assert first.group_key(Labels.of(b="x\ty", a='"')) == first.key + r':{a="\"", b="x\ty"}'


def test_nodes_are_numbered_depth_first(tree):
    assert [each.index for each in tree.root.walk()] == list(range(12))
