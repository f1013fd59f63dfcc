"""What is warned of, and what both files say together. What alertmanager.yml alone may say: alertmanager/test_files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.errors import SchemaError
from agent.notify import Routing, load_routing
from tests.notify.story import ESCALATION

ONE = "route: {receiver: a}\nreceivers: [{name: a}]\n"


def load(folder: Path, routes: str, escalation: str | None = None, **environment: str) -> Routing:
    first, second = folder / "alertmanager.yml", folder / "escalation.yml"
    first.write_text(routes)
    if escalation is not None:
        second.write_text(escalation)
    return load_routing(first, second if escalation is not None else None, environment)


def problems(folder: Path, routes: str, escalation: str | None = None, **environment: str) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        load(folder, routes, escalation, **environment)
    return [each.replace(f"{folder}/", "") for each in caught.value.problems]


@pytest.mark.peers
def test_amtool_accepts_the_shipped_routes(peer, root):
    amtool = peer("amtool", "prometheus-alertmanager")
    command = [amtool, "check-config", str(root / "alertmanager" / "alertmanager.yml")]
    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def test_an_empty_item_of_inhibit_rules_is_no_mistake(tmp_path):
    assert load(tmp_path, ONE + "inhibit_rules: [ ]\n").inhibit_rules == ()
    assert load(tmp_path, ONE + "inhibit_rules:\n-\n").inhibit_rules == ()


def test_a_missing_secret_file_is_one_error_that_names_its_place_and_path(tmp_path):
    text = (
        "global:\n  smtp_smarthost: 'x:25'\n  smtp_from: a@example.org\n  smtp_auth_password_file: secrets/mail\n"
        "route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x@example.org}, {to: y@example.org}]}]\n"
    )
    (found,) = problems(tmp_path, text)
    assert found == "alertmanager.yml:4:28: cannot read the secret file secrets/mail: No such file or directory"


def test_secrets_come_from_files_beside_the_configuration_and_are_never_shown(tmp_path):
    (tmp_path / "token").write_text("xoxb-planted\n")
    text = (
        "route: {receiver: a}\n"
        "receivers: [{name: a, slack_configs: [{channel: '#a', api_url_file: token}], "
        "webhook_configs: [{url: 'http://user:planted@x.example.org/planted'}]}]\n"
    )
    routing = load(tmp_path, text)
    assert routing.channels["a/slack/0"].webhook_url.reveal() == "xoxb-planted"
    shown = repr({**vars(type(routing)), "channels": routing.channels, "receivers": routing.receivers})
    assert "planted" not in shown


def test_a_lost_secret_of_escalation_yml_disables_its_channel_and_nothing_else(tmp_path):
    escalation = ESCALATION.replace("bot_token: xoxb-test", "bot_token_file: secrets/slack")
    escalation += "receivers: {a: {notify: [{person: ana, by: [slack, sms]}]}}\n"
    routing = load(tmp_path, ONE, escalation)
    assert list(routing.disabled) == ["slack"]
    (warning,) = routing.warnings
    assert f"cannot read the secret file {tmp_path}/secrets/slack" in warning.message
    assert str(warning.place).endswith("escalation.yml:10:27")


CROSS = {
    "unknown person": (
        "receivers: {a: {notify: [{person: anna, by: [sms]}]}}",
        'undefined person "anna"; did you mean "ana"?',
    ),
    "unknown team": (
        "receivers: {a: {notify: [{team: serch, by: [sms]}]}}",
        'undefined team "serch"; did you mean "search"?',
    ),
    "unknown receiver": (
        "receivers: {aa: {notify: [{person: ana, by: [sms]}]}}",
        'receiver "aa" is not in alertmanager.yml; did you mean "a"?',
    ),
    "no such on_failure": (
        "receivers: {a: {notify: [{person: ana, by: [sms]}], on_failure: b}}",
        'undefined receiver "b" in on_failure',
    ),
    "its own on_failure": (
        "receivers: {a: {notify: [{person: ana, by: [sms]}], on_failure: a}}",
        "cannot be its own on_failure",
    ),
    "no such channel": ("receivers: {a: {notify: [{person: ana, by: [pigeon]}]}}", "pigeon"),
    "no way to reach": (
        "receivers: {a: {notify: [{person: chris, by: [email]}]}}",
        '"chris" is to be told by email, but has no email',
    ),
    "no way to somebody": ("receivers: {a: {notify: [{person: chris}]}}", '"chris" cannot be told of warning'),
    "nobody": (
        "receivers: {a: {notify: [{by: [sms]}]}}",
        "say one of person, team, email, slack, sms, pagerduty or log",
    ),
    "empty step": ("receivers: {a: {escalate: [{after: 5m, notify: []}]}}", "a step must tell somebody"),
    "steps out of order": (
        "receivers: {a: {escalate: [{after: 5m, notify: [{sms: '+15550001111'}]}, {after: 5m, notify: [{log: true}]}]}}",
        "steps must follow one another",
    ),
    "until what": (
        "receivers: {a: {escalate: [{after: 5m, until: morning, notify: [{person: ana, by: [sms]}]}]}}",
        "ack, resolve",
    ),
    "a bare number": ("receivers: {a: {notify: [{sms: '0612345678'}]}}", "not a phone number in international form"),
}


@pytest.mark.parametrize("name", CROSS)
def test_what_does_not_fit_together_is_refused_with_its_place(name, tmp_path):
    text, words = CROSS[name]
    found = problems(tmp_path, ONE, ESCALATION + text + "\n")
    assert any(words in each for each in found), found
    assert all(each.startswith("escalation.yml:") for each in found)


@pytest.mark.parametrize("number", ["33612345678", "+0612345678", "+33 6 12 34 56 78", "+123456", "+1234567890123456"])
def test_a_phone_number_is_in_international_form_or_refused(number, tmp_path):
    (found,) = problems(tmp_path, ONE, f'people: {{eve: {{phone: "{number}"}}}}\n')
    assert number in found


def test_a_member_of_a_team_must_be_somebody(tmp_path):
    found = problems(tmp_path, ONE, "people: {ana: {email: a@example.org}}\nteams: {t: {members: [ana, bbo]}}\n")
    assert found == ['escalation.yml:2:28: undefined person "bbo" in a team']


def test_the_same_channel_for_one_receiver_in_both_files_is_an_error(tmp_path):
    routes = (
        "global: {smtp_smarthost: 'x:25', smtp_from: y@example.org}\nroute: {receiver: a}\n"
        "receivers: [{name: a, email_configs: [{to: x@example.org}]}]\n"
    )
    (found,) = problems(tmp_path, routes, ESCALATION + "receivers: {a: {notify: [{person: ana, by: [email]}]}}\n")
    assert 'receiver "a" has email here and in alertmanager.yml; keep one of them' in found


def test_an_unset_variable_is_an_error_and_a_default_is_not(tmp_path):
    text = "channels: {sms: {provider: twilio, account_sid: '${NOBODY_SET_THIS}'}}\n"
    (found,) = problems(tmp_path, ONE, text)
    assert "environment variable NOBODY_SET_THIS is not set" in found
    load(tmp_path, ONE, text.replace("}'", ":-}'"))
    load(tmp_path, ONE, text, NOBODY_SET_THIS="AC1")


def test_what_is_read_and_not_yet_obeyed_is_a_warning(tmp_path):
    text = (
        "global: {http_config: {proxy_url: 'http://x.example.org'}}\ntemplates: ['*.tmpl']\n"
        "route: {receiver: a, routes: [{receiver: b, matchers: [a=b]}]}\n"
        "receivers:\n- name: a\n  webhook_configs: [{url: 'http://x.example.org'}]\n"
        "  opsgenie_configs: [{api_key: k}]\n- name: b\n"
    )
    routing = load(tmp_path, text)
    words = " | ".join(str(each) for each in routing.warnings)
    for expected in ("*.tmpl matches no file", "does not send by opsgenie yet", '"b" reaches nobody'):
        assert expected in words
    assert routing.unreachable == ()


def test_a_route_that_reaches_only_an_integration_we_cannot_send_is_said_apart(tmp_path):
    text = "route: {receiver: a}\nreceivers: [{name: a, opsgenie_configs: [{api_key: k}]}]\n"
    (found,) = load(tmp_path, text).unreachable
    assert 'receiver "a" has only integrations that Burnline cannot send (opsgenie)' in found.message


def test_the_shipped_files_load_without_an_account_and_without_a_warning(root):
    folder = root / "alertmanager"
    routing = load_routing(folder / "alertmanager.yml", folder / "escalation.yml", {})
    assert (routing.warnings, routing.unreachable) == ((), ())
    assert set(routing.disabled) == {"email", "slack", "sms"}


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SchemaError, match="cannot read the file"):
        load_routing(tmp_path / "none.yml")


def test_all_problems_of_both_files_are_said_at_once(tmp_path):
    found = problems(tmp_path, "route: {receivr: a}\n", "peeple: {}\n")
    assert [each.split(":")[0] for each in found] == ["alertmanager.yml", "escalation.yml"]
