"""The texts of alertmanager.yml see Alertmanager's data, with its methods and functions, and call each other by name."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, TemplateError
from agent.notify.messages import Renderer
from agent.notify.messages.go_texts import SAME_AS, GoTexts
from agent.notify.messages.samples import sample_notifications
from tests.notify.messages.stories import alert, notification

TOLD = notification(alert("a:1"), alert("b:1", end=-1, team="x"))
GO = GoTexts()


def render(text, told=TOLD, go=GO, **more):
    return go.about(told).render(text, **more)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ .Status | toUpper }} {{ .Receiver }}", "FIRING oncall"),
        ("{{ .CommonLabels.alertname }}/{{ .GroupLabels.nothing }}/", "VeryHighErrorRate//"),
        ("{{ len .Alerts }} {{ .Alerts.Firing | len }} {{ .Alerts.Resolved | len }}", "2 1 1"),
        ("{{ range .Alerts }}[{{ .Status }} {{ .Labels.instance }}]{{ end }}", "[firing a:1][resolved b:1]"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}",
         "alertname=VeryHighErrorRate service=rag severity=critical "),
        ("{{ .CommonLabels }}", "alertname=VeryHighErrorRate, service=rag, severity=critical"),
        ("{{ .CommonLabels.SortedPairs }}", "alertname=VeryHighErrorRate, service=rag, severity=critical"),
        ('{{ .CommonLabels.SortedPairs.Values | join " " }}', "VeryHighErrorRate rag critical"),
        ('{{ (.CommonLabels.Remove (stringSlice "service" "severity")).Names }}', "[alertname]"),
        ('{{ (index .Alerts 0).StartsAt.Format "15:04" }}', "13:58"),
        ("{{ (index .Alerts 0).StartsAt }}", "2026-01-05 13:58:00 +0000 UTC"),
        ("{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 1).EndsAt.IsZero }}", "true false"),
        ("{{ with index .Alerts 1 }}{{ .EndsAt.Sub .StartsAt }}{{ end }}", "3m0s"),
        ("{{ (index .Alerts 0).Annotations.value | toUpper }}", "13.4%"),
        ("{{ (index .Alerts 0).GeneratorURL }}", "https://burnline.example.org/alerts/caaaffbd9ccf039f"),
        ('{{ if match "^Very" .CommonLabels.alertname }}yes{{ end }}', "yes"),
        ('{{ reReplaceAll "High" "low" .CommonLabels.alertname }}', "VerylowErrorRate"),
        ("{{ .ExternalURL }}/#/alerts", "https://burnline.example.org/#/alerts"),
        ('{{ trimSpace " a " }}{{ title "big BAD o\'neill" }}', "aBig Bad O'neill"),
        ("{{ toJson .GroupLabels }}", '{"alertname":"VeryHighErrorRate"}'),
        ("{{ .NotificationReason }}", "first notification"),
        ("{{ .RouteLabels.team }}", ""),
        ('{{ (index .Alerts 0).StartsAt | tz "Europe/Paris" | date "Mon 2 Jan 15:04 MST -07:00" }}',
         "Mon 5 Jan 14:58 CET +01:00"),
        ('{{ now.Format "15:04" }} {{ since (index .Alerts 0).StartsAt }}', "14:02 4m0s"),
        ("{{ (since (index .Alerts 0).StartsAt).Seconds | humanizeDuration }}", "4m 0s"),
        ('{{ ("2026-02-03" | toDate "2006-01-02").Unix }}', "1770076800"),
        ('{{ ("what" | toDate "2006-01-02").IsZero }}', "true"),
        ('{{ urlUnescape "a%20b+c" }} {{ base64encode "hé" }} {{ base64decode "aMOp" }}', "a b c aMOp"
         .replace("aMOp", "aMOp hé")),
        ('{{ $l := list "a" "b" }}{{ append $l "c" | join "," }} {{ (dict "k" 1).k }}', "a,b,c 1"),
        ('{{ range $k, $v := .GroupLabels }}{{ $k }}:{{ $v }}{{ end }}', "alertname:VeryHighErrorRate"),
    ],
)  # fmt: skip
def test_the_data_is_alertmanager_s(text, said):
    """Names and results as Alertmanager's notification template reference describes them."""
    assert render(text) == said


def test_the_receiver_is_quoted_for_a_regular_expression():
    """Alertmanager's .Receiver is, so that links which filter by it work."""
    assert render("{{ .Receiver }}", notification(alert(), receiver="team.x (eu)")) == r"team\.x \(eu\)"


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Nope }}",
        '{{ template "slack.mine" . }}',
        "{{ nope }}",
        '{{ join "," .Status }}',
        "{{ join .Status }}",
        "{{",
        '{{ tz "Mars/Base" now }}',
        '{{ date "15:04" .Status }}',
        '{{ mustToDate "2006" "x" }}',
        '{{ base64decode "%" }}',
        '{{ dict "k" }}',
    ],
)
def test_what_cannot_be_rendered_is_a_template_error(text):
    with pytest.raises(TemplateError):
        render(text)


def test_every_name_of_alertmanager_s_own_templates_prints_something_for_every_shape_of_message():
    names = [name for each in SAME_AS.values() for name in each]
    names += ["slack.default.fallback", "email.default.html", "email.default.text", "__description"]
    silent = set(SAME_AS[""])
    for sample in sample_notifications():
        for name in names:
            dot = ".Alerts" if name == "pagerduty.default.instances" else "."  # as Alertmanager's own details call it
            said = render(f'{{{{ template "{name}" {dot} }}}}', sample)
            assert bool(said.strip()) == (name not in silent) or not sample.alerts or name == "__description", name


def test_a_file_s_definitions_win_over_ours_and_may_call_them():
    files = [
        ("a.tmpl", '{{ define "slack.default.title" }}old{{ end }}'),
        ("b.tmpl", '{{ define "slack.default.title" }}<{{ template "__subject" . }}>{{ end }}rest {{ .Status }}'),
    ]
    go = GoTexts(files)
    assert render('{{ template "slack.default.title" . }}', go=go) == (
        "<[FIRING:1] VeryHighErrorRate on rag (critical)>"
    )
    assert render('{{ template "b.tmpl" . }}', go=go) == "rest firing"


def test_a_text_s_own_definitions_win_over_the_files():
    go = GoTexts([("a.tmpl", '{{ define "x" }}file{{ end }}{{ define "y" }}[{{ template "x" . }}]{{ end }}')])
    assert render('{{ define "x" }}text{{ end }}{{ template "x" . }} {{ template "x" . }}', go=go) == "text text"
    assert render('{{ template "y" . }}', go=go) == "[file]"


def test_an_error_inside_a_file_points_into_the_file():
    go = GoTexts([("team/a.tmpl", 'first\n{{ define "x" }}\n  {{ .Nope }}{{ end }}')])
    with pytest.raises(TemplateError) as caught:
        render('{{ template "x" . }}', go=go)
    assert (caught.value.name, caught.value.line, caught.value.column) == ("team/a.tmpl", 3, 6)
    assert "can't evaluate field Nope" in str(caught.value)


def test_a_file_that_does_not_compile_is_named_and_the_others_stand():
    go = GoTexts([("bad.tmpl", "{{ if }}"), ("good.tmpl", '{{ define "x" }}1{{ end }}')])
    assert [each.name for each in go.problems] == ["bad.tmpl"]
    assert render('{{ template "x" . }}', go=go) == "1"


def test_a_message_s_texts_share_a_budget_so_that_no_template_stops_the_agent():
    endless = "{{ range $i, $a := .Alerts }}{{ range $.Alerts }}{{ range $.Alerts }}x{{ end }}{{ end }}{{ end }}"
    words = GO.about(notification(*[alert(f"n{n}") for n in range(200)]))
    for _ in range(2):
        with pytest.raises(TemplateError, match="stopped after"):
            words.render(endless)
    with pytest.raises(TemplateError, match="stopped after 0 steps"):
        words.render("{{ .Status }}")


@pytest.mark.parametrize(
    ("text", "service", "said"),
    [
        ("<b>{{ .CommonLabels.service }}</b>", "<script>", "<b>&lt;script&gt;</b>"),
        ("{{ .CommonLabels.service | toUpper }}", "<a>&", "&lt;A&gt;&amp;"),
        ("{{ .CommonLabels.service | safeHtml }}", "<i>", "<i>"),
        ('<a href="{{ .CommonLabels.service }}">', "javascript:alert(1)", '<a href="#blocked">'),
        ('<a href="{{ .CommonLabels.service }}">', 'https://x/?a=1&b="', '<a href="https://x/?a=1&amp;b=%22">'),
        ('<a href="{{ .ExternalURL }}/x">', "", '<a href="https://burnline.example.org/x">'),
    ],
)
def test_data_in_an_html_text_is_escaped(text, service, said):
    """Alertmanager renders `html` with html/template."""
    told = notification(alert(service=service), options={"html": text})
    assert render(text, told, html=True) == said
    assert Renderer().email(told).html == said


def test_a_text_that_calls_a_template_that_is_not_there_leaves_our_words_and_says_so():
    told = Renderer().slack(notification(alert(), options={"title": '{{ template "slack.mine" . }}'}))
    assert "VeryHighErrorRate" in told.text
    assert 'template "slack.mine" not defined' in str(told.attachment)


def test_a_label_cannot_mention_the_channel_through_a_go_template():
    told = notification(alert(service="<!channel>"), options={"text": "<!here> {{ .CommonLabels.service }}"})
    body = Renderer().slack(told).attachment["blocks"][0]["text"]["text"]
    assert body == "<!here> &lt;!channel&gt;"


def test_an_address_may_be_a_template_and_one_that_fails_is_refused():
    renderer = Renderer()
    assert renderer.address(notification(alert(), to="#{{ .CommonLabels.service }}")) == "#rag"
    with pytest.raises(Rejected, match="rendering the address"):
        renderer.address(notification(alert(), to="#{{ .Nope }}"))
