"""Templates are tried when they are loaded; one that fails later costs one field; no label breaks out of any."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from agent.errors import Rejected, TemplateError
from agent.notify.inbox.slack import check
from agent.notify.messages import Renderer, sample_notifications, shipped_templates, template_problems
from agent.notify.messages.environment import BLOCKS
from agent.notify.messages.segments import segments
from tests.notify.messages.stories import NASTY, alert, notification

RENDERER = Renderer()
ALLOWED_TAGS = {"html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "a", "br"}


def sms_template(**blocks: str) -> str:
    wanted = dict.fromkeys(BLOCKS["sms.txt.j2"], "") | {"head": "{{ short_severity }} {{ title }}"} | blocks
    return "".join(f"{{% block {name} %}}{text}{{% endblock %}}" for name, text in wanted.items())


def test_the_shipped_templates_are_found_and_complete():
    assert {path.name for path in shipped_templates().glob("*.j2")} == set(BLOCKS)


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("{% block head %}{{ title }", "sms.txt.j2:1:1: "),
        ("{% block head %}{{ title }}{% endblock %}", "the block summary and the block value"),
        (sms_template(head="{{ titel }}"), "block head: UndefinedError: 'titel' is undefined"),
        (sms_template(head="{{ alerts[0].name }}"), "block head: UndefinedError"),  # there may be no alert
        (sms_template(head="{{ title.__class__.__mro__ }}"), "SecurityError"),
        (sms_template(head="{% for x in range(10**9) %}{% endfor %}"), "OverflowError"),
        (sms_template(head="{% include '/etc/passwd' %}"), "TemplateNotFound"),
    ],
)
def test_a_bad_template_is_an_error_when_it_is_loaded(tmp_path, text, flaw):
    """The place, the block and the reason are named."""
    (tmp_path / "sms.txt.j2").write_text(text)
    with pytest.raises(TemplateError) as caught:
        Renderer(tmp_path)
    assert flaw in str(caught.value)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(TemplateError, match="no such folder"):
        Renderer(tmp_path / "absent")


def test_a_folder_may_replace_one_file_and_keep_the_rest(tmp_path):
    (tmp_path / "sms.txt.j2").write_text(sms_template(summary="ours: {{ brief }}"))
    renderer = Renderer(tmp_path)
    assert renderer.sms(notification(alert())) == "CRIT VeryHighErrorRate: ours: more than one query in ten fails"
    assert renderer.email(notification(alert())).subject == RENDERER.email(notification(alert())).subject


def failing(text: str) -> str:
    """Fail for the team `trap` only, so that loading succeeds."""
    return "{% for name, value in labels %}{% if value == 'trap' %}{{ 1 // 0 }}{% endif %}{% endfor %}" + text


def test_a_template_that_fails_at_night_costs_one_field_and_says_so(tmp_path):
    shipped = (shipped_templates() / "email.txt.j2").read_text()
    (tmp_path / "email.txt.j2").write_text(shipped.replace("{% block subject %}", "{% block subject %}" + failing("")))
    told = Renderer(tmp_path).email(notification(alert(team="trap")))
    assert told.subject == "[CRITICAL] VeryHighErrorRate on rag"
    assert "More than one query" not in told.text
    assert "rag: more than one query in ten fails" in told.text
    assert "Template error: email.txt.j2, block subject: ZeroDivisionError" in told.text
    assert "Template error: email.txt.j2, block subject: ZeroDivisionError" in told.html


@pytest.mark.parametrize(("name", "block"), [(name, block) for name, blocks in BLOCKS.items() for block in blocks])
def test_every_field_has_a_stand_in(tmp_path, name, block):
    """Whichever block fails, all three channels still have severity and name."""
    shipped = (shipped_templates() / name).read_text()
    (tmp_path / name).write_text(shipped.replace(f"{{% block {block} %}}", f"{{% block {block} %}}" + failing("")))
    told, renderer = notification(alert(team="trap")), Renderer(tmp_path)
    mail, slack = renderer.email(told), renderer.slack(told, "1 new alert")
    for text in (mail.subject, mail.text, mail.html, slack.text, slack.plain, renderer.sms(told)):
        assert "VeryHighErrorRate" in text
        assert "crit" in text.lower()
    assert slack.reply
    assert not check({"text": slack.text, "attachments": [slack.attachment]})


def strings(value):
    """Return every text of a Slack structure but its URLs."""
    if isinstance(value, dict):
        return [text for name, each in value.items() if name != "url" for text in strings(each)]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.mark.parametrize("kind", NASTY)
def test_no_label_breaks_out_of_any_channel(kind):
    """Newlines, mentions, markup, emoji, controls, 100 kB: everywhere a label can stand."""
    text = NASTY[kind]
    annotations = {f"a_{name}": text for name in ("summary", "description", "value", "threshold", "runbook_url")}
    told = notification(
        *[alert(f"{text}{n}", alertname=text, service=text, team=text, **annotations) for n in range(3)],
        reason=text, receiver=text, person=text, options={"also_told": [text]},
    )  # fmt: skip
    mail, slack = RENDERER.email(told), RENDERER.slack(told, text)
    assert not mail.errors
    assert not slack.errors
    assert len(mail.subject.splitlines()) == 1
    assert len(mail.html) < 102_000
    tags = Tags()
    tags.feed(mail.html)
    assert {tag for tag, _ in tags.seen} <= ALLOWED_TAGS
    assert all(not name.startswith("on") for _, attributes in tags.seen for name in attributes)
    assert all(str(each.get("href", "https://")).startswith("https://") for _, each in tags.seen)
    shown = "\n".join([slack.text, *strings(slack.attachment), slack.reply, slack.plain])
    assert not any(mention in shown for mention in ("<!channel", "<!here", "<@", "@channel", "@everyone"))
    assert not check({"text": slack.text, "attachments": [slack.attachment]})
    assert segments(RENDERER.sms(told)) == 1


@pytest.mark.parametrize("number", range(len(sample_notifications())))
def test_every_sample_passes_slack_s_limits_and_gmail_s_clipping(number):
    sample = sample_notifications()[number]
    slack = RENDERER.slack(sample, "a change")
    assert not check({"text": slack.text, "attachments": [slack.attachment]})
    assert len(RENDERER.email(sample).html) < 102_000


def test_the_subject_is_the_same_while_the_incident_lasts():
    """Gmail opens a new thread where the subject changes."""
    subjects = {
        RENDERER.email(each).subject
        for each in (
            notification(alert()),
            notification(alert(), alert("b")),
            notification(alert(end=1), minute=2),
            notification(alert(), acknowledged_by="ana"),
        )
    }
    assert subjects == {"[CRITICAL] VeryHighErrorRate on rag"}


@pytest.mark.parametrize(
    ("told", "colour"),
    [
        (notification(alert()), "#d40e0d"),
        (notification(alert(severity="warning")), "#f2a600"),
        (notification(alert(severity="info")), "#3d7bd9"),
        (notification(alert(end=0)), "#2fa44f"),
        (notification(alert(), acknowledged_by="ana"), "#8f8f8f"),
        (notification(alert(), options={"color": "good"}), "#2fa44f"),
        (notification(alert(), options={"color": "#123456"}), "#123456"),
    ],
)
def test_the_colour_says_how_bad_it_is(told, colour):
    assert RENDERER.slack(told).attachment["color"] == colour


def test_texts_of_alertmanager_yml_win_and_are_rendered():
    told = notification(
        alert(),
        options={"title": "It is {{ .Status }}", "text": "<!here> look", "headers": {"Subject": "S {{ .Status }}"}},
    )
    slack = RENDERER.slack(told)
    assert slack.text == "It is firing"
    assert slack.attachment["blocks"][0]["text"]["text"] == "<!here> look"
    assert RENDERER.email(told).subject == "S firing"


def test_a_go_template_that_fails_leaves_our_words_and_a_footer():
    slack = RENDERER.slack(notification(alert(), options={"title": "{{ nope }}"}))
    assert "VeryHighErrorRate" in slack.text
    assert 'function "nope" not defined' in str(slack.attachment)


def test_in_strict_mode_a_go_template_that_fails_refuses_the_message():
    """As in Alertmanager, whose users lose the page then."""
    with pytest.raises(Rejected, match=r'rendering title of alertmanager\.yml: .* function "nope" not defined'):
        Renderer(strict=True).slack(notification(alert(), options={"title": "{{ nope }}"}))


def test_a_drill_is_marked_in_every_channel():
    told = notification(alert(), options={"test": True})
    assert RENDERER.email(told).subject.startswith("[TEST]")
    assert "[TEST]" in RENDERER.slack(told).text
    assert RENDERER.sms(told).startswith("TEST CRIT")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            sms_template(summary="x\n{{ nope }}"),
            "sms.txt.j2:2:1: sms.txt.j2, block summary: UndefinedError: 'nope' is undefined",
        ),
        ("{% block head %}\n{{ title }", "sms.txt.j2:2:1: "),
        ("{% block head %}{{ title }}{% endblock %}", "sms.txt.j2:1:1: the block summary"),
    ],
)
def test_a_check_says_what_is_wrong_with_a_template_and_in_which_line(tmp_path, text, said):
    (tmp_path / "sms.txt.j2").write_text(text)
    assert any(said in each for each in template_problems(tmp_path)), template_problems(tmp_path)


def test_templates_as_they_were_shipped_have_nothing_wrong(tmp_path):
    assert template_problems(shipped_templates()) == []
    (tmp_path / "sms.txt.j2").write_text(sms_template())
    assert template_problems(tmp_path) == []
