"""A template that fails or will not end costs its own text alone: the alert goes out, and the other rules are evaluated."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.rules.world import World

RULES = """
groups:
- name: g
  rules:
  - alert: Greedy
    expr: x > 0
    labels: {severity: page, where: '{{ $labels.n }}'}
    annotations:
      endless: '{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}'
      huge: '{{ range 2000000 }}0123456789{{ end }}'
      cyclic: '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}'
      good: 'at {{ $value }}'
  - alert: Modest
    expr: x > 0
    annotations: {text: '{{ $labels.n }} is at {{ $value }}'}
"""


def test_failing_templates_are_visible_in_the_message_and_named_in_the_log_once():
    world = World(RULES)
    world.set(0, 'x{n="a"}', 3)
    world.set(1, 'x{n="a"}', 4)
    with capture_logs() as logs:
        assert [each.failures for each in world.evaluate(0, 1)] == [(), ()]
    (minute, (greedy,)), (_, (modest,)) = world.sent[:2]
    assert minute == 0
    assert greedy.annotations["good"] == "at 3"
    for name, reason in (
        ("endless", "stopped after"),
        ("huge", "the output is longer than 1000000 characters"),
        ("cyclic", "exceeded maximum template depth"),
    ):
        assert greedy.annotations[name].startswith("<error expanding template: ")
        assert reason in greedy.annotations[name]
    assert modest.annotations["text"] == "a is at 3"
    said = [(each["rule"], each["template"]) for each in logs if each["event"].startswith("a template fails")]
    assert said == [("Greedy", "endless"), ("Greedy", "huge"), ("Greedy", "cyclic")]


def test_hundreds_of_alerts_share_what_templates_may_do_and_keep_their_labels():
    """What the annotations of the first alerts spend is missing in the texts of the last, never in their labels."""
    world = World(RULES)
    for number in range(40):
        world.set(0, f'x{{n="{number}"}}', 3)
    world.evaluate(0)
    (_, greedy), (_, modest) = world.sent[:2]
    assert {alert.labels["where"] for alert in greedy} == {str(number) for number in range(40)}
    assert greedy[0].annotations["good"] == "at 3"
    assert "stopped after" in greedy[-1].annotations["good"]
    assert all(alert.annotations["text"].endswith("is at 3") for alert in modest)
