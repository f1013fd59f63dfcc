"""Texts of alertmanager.yml are tried when it is read: what cannot work is refused, with the place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.notify.messages import Renderer
from tests.notify.messages.stories import alert, notification
from tests.notify.test_loading import load, problems

HEAD = "route: {receiver: a}\n"
SLACK = "global: {slack_api_url: 'http://hooks.example.org/x'}\n" + HEAD
MAIL = "global: {smtp_smarthost: 'x:25', smtp_from: y@example.org}\n" + HEAD


def slack(text: str) -> str:
    return f"{SLACK}receivers:\n  - name: a\n    slack_configs:\n      - channel: '#a'\n{text}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("        title: '{{ nope }}'\n", '7:20: slack config: title: function "nope" not defined'),
        ("        text: |\n          fine\n          {{ .Nope }}\n", "9:14: slack config: text: executing"),
        ("        title: '{{ if }}'\n", "7:"),
        ("        title: '{{ template \"mine\" . }}'\n", 'template "mine" not defined'),
        ("        fields: [{title: t, value: '{{ .Nope }}'}]\n", "slack config: value of field 1: executing"),
        ("        actions: [{type: button, text: '{{ .Nope }}', url: 'http://x'}]\n", "text of action 1: executing"),
        ("        color: '{{ join 1 }}'\n", "slack config: color:"),
    ],
)
def test_a_text_that_fails_whatever_the_alerts_are_is_refused_with_its_place(tmp_path, text, said):
    (problem,) = problems(tmp_path, slack(text))
    assert problem.startswith("alertmanager.yml:")
    assert said in problem


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("to: '{{ .Nope }}@example.org'", "email config: to: "),
        ("to: a@example.org, html: '{{ .Nope }}'", "email config: html: "),
        ("to: a@example.org, headers: {Subject: '{{ .Nope }}'}", "email config: header Subject: "),
    ],
)
def test_a_mail_s_texts_are_tried_too(tmp_path, config, said):
    (problem,) = problems(tmp_path, f"{MAIL}receivers: [{{name: a, email_configs: [{{{config}}}]}}]\n")
    assert said in problem


def test_a_text_that_fails_for_some_messages_is_warned_of(tmp_path):
    """Our own words stand in for those."""
    routing = load(tmp_path, slack("        title: '{{ (index .Alerts 0).Labels.alertname }}'\n"))
    (warning,) = [str(each) for each in routing.warnings]
    assert "slack config: title: fails where the message is empty" in warning


def test_in_strict_mode_a_bad_text_is_accepted_and_warned_of(tmp_path):
    """Alertmanager finds out when it sends."""
    routing = load(tmp_path, slack("        title: '{{ nope }}'\n"), "settings: {alertmanager_compat: strict}\n")
    assert 'function "nope" not defined' in str(routing.warnings[0])


def test_files_of_templates_are_read_relative_to_alertmanager_yml_and_may_be_called(tmp_path):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.tmpl").write_text(
        '{{ define "mine" }}{{ .Status }} by {{ template "__subject" . }}{{ end }}'
    )
    routing = load(tmp_path, "templates: ['words/*.tmpl']\n" + slack("        title: '{{ template \"mine\" . }}'\n"))
    assert not routing.warnings
    (destination,) = routing.receiver("a").destinations
    told = notification(alert(), options=destination.options)
    assert Renderer(go=routing.go).slack(told).text.startswith("firing by [FIRING:1] VeryHighErrorRate")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("one\n{{ define \"x\" }}{{ nope }}{{ end }}", 'bad.tmpl:2:20: function "nope" not defined'),
        ("{{ define \"x\" }}", "bad.tmpl:1:1: unexpected EOF"),
        ("{{ define \"x\" }}\n {{ .Nope }}{{ end }}", "bad.tmpl:2:5: slack config: title: executing"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_of_templates_is_said_with_its_place(tmp_path, content, said):
    (tmp_path / "bad.tmpl").write_text(content)
    found = problems(tmp_path, "templates: [bad.tmpl]\n" + slack("        title: '{{ template \"x\" . }}'\n"))
    assert any(said in each for each in found), found


def test_a_file_that_is_not_there_is_warned_of_as_files_may_come_later(tmp_path):
    routing = load(tmp_path, "templates: ['gone/*.tmpl']\n" + slack(""))
    assert "matches no file" in str(routing.warnings[0])


def test_our_own_messages_templates_come_from_the_folder_that_escalation_yml_names(tmp_path):
    (tmp_path / "words").mkdir()
    assert load(tmp_path, slack(""), "templates: words\n").message_templates == tmp_path / "words"
    assert load(tmp_path, slack("")).message_templates is None
    (tmp_path / "templates").mkdir()
    assert load(tmp_path, slack(""), "{}\n").message_templates == tmp_path / "templates"
    (problem,) = problems(tmp_path, slack(""), "templates: gone\n")
    assert "there is no folder" in problem


def test_a_hundred_receivers_with_texts_of_their_own_are_tried_within_a_bound(tmp_path: Path):
    """Equal texts are tried once: what is done depends on the different ones."""
    routes = SLACK + "receivers:\n" + "".join(
        f"  - {{name: '{name}', slack_configs: [{{channel: '#c', title: '{{{{ .Status }}}} same'}}]}}\n"
        for name in ["a", *range(100)]
    )  # fmt: skip
    assert len(load(tmp_path, routes).receivers) == 101
