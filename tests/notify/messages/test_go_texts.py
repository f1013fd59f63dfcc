"""The texts of alertmanager.yml see Alertmanager's data, with its methods and functions."""

from __future__ import annotations

import pytest

from agent.errors import TemplateError
from agent.notify.messages import Renderer
from agent.notify.messages.go_texts import render_go
from tests.notify.messages.stories import alert, notification

TOLD = notification(alert("a:1"), alert("b:1", end=-1, team="x"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ .Status | toUpper }} {{ .Receiver }}", "FIRING oncall"),
        ("{{ .CommonLabels.alertname }}/{{ .GroupLabels.nothing }}/", "VeryHighErrorRate//"),
        ("{{ len .Alerts }} {{ .Alerts.Firing | len }} {{ .Alerts.Resolved | len }}", "2 1 1"),
        ("{{ range .Alerts }}[{{ .Status }} {{ .Labels.instance }}]{{ end }}", "[firing a:1][resolved b:1]"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}",
         "alertname=VeryHighErrorRate service=rag severity=critical "),
        ('{{ .CommonLabels.SortedPairs.Values | join " " }}', "VeryHighErrorRate rag critical"),
        ('{{ (.CommonLabels.Remove (stringSlice "service" "severity")).Names }}', "[alertname]"),
        ('{{ (index .Alerts 0).StartsAt.Format "15:04" }}', "13:58"),
        ("{{ (index .Alerts 0).Annotations.value | toUpper }}", "13.4%"),
        ('{{ if match "^Very" .CommonLabels.alertname }}yes{{ end }}', "yes"),
        ('{{ reReplaceAll "High" "low" .CommonLabels.alertname }}', "VerylowErrorRate"),
        ("{{ .ExternalURL }}/#/alerts", "https://burnline.example.org/#/alerts"),
        ('{{ trimSpace " a " }}{{ title "big bad" }}', "aBig Bad"),
        ("{{ toJson .GroupLabels }}", '{"alertname":"VeryHighErrorRate"}'),
        ("{{ .NotificationReason }}", "first notification"),
    ],
)  # fmt: skip
def test_the_data_is_alertmanager_s(text, said):
    """Names and results as Alertmanager's notification template reference describes them."""
    assert render_go(text, TOLD) == said


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Nope }}",
        '{{ template "slack.default.title" . }}',
        "{{ nope }}",
        '{{ join "," .Status }}',
        "{{ join .Status }}",
        "{{",
    ],
)
def test_what_cannot_be_rendered_is_a_template_error(text):
    with pytest.raises(TemplateError):
        render_go(text, TOLD)


def test_data_in_an_html_text_is_escaped():
    """Alertmanager renders `html` with html/template."""
    told = notification(alert(service="<script>"), options={"html": "<b>{{ .CommonLabels.service }}</b>"})
    assert Renderer().email(told).html == "<b>&lt;script&gt;</b>"


def test_a_text_that_calls_a_template_that_is_not_there_leaves_our_words_and_says_so():
    told = Renderer().slack(notification(alert(), options={"title": '{{ template "slack.default.title" . }}'}))
    assert "VeryHighErrorRate" in told.text
    assert 'template "slack.default.title" not defined' in str(told.attachment)


def test_a_label_cannot_mention_the_channel_through_a_go_template():
    told = notification(alert(service="<!channel>"), options={"text": "<!here> {{ .CommonLabels.service }}"})
    body = Renderer().slack(told).attachment["blocks"][0]["text"]["text"]
    assert body == "<!here> &lt;!channel&gt;"
