"""Which files are accepted and which refused, with which reason: as Alertmanager 0.34 does, and as the real amtool 0.25 says."""

from __future__ import annotations

import re
import subprocess

import pytest

from agent.errors import SchemaError
from agent.notify import load_routing
from tests.notify.alertmanager.files import ALL, CRASHES, LOOSER, NEWER, STRICTER

PLACE = re.compile(r"alertmanager\.yml:\d+:\d+: ")


def flaws(path) -> list[str]:
    try:
        load_routing(path, read_secret=lambda _: "http://secret.example.org")
    except SchemaError as error:
        return [each.removeprefix(f"{path.parent}/") for each in error.problems]
    return []


def verdict(folder, text: str) -> list[str]:
    (folder / "alertmanager.yml").write_text(text)
    return flaws(folder / "alertmanager.yml")


@pytest.mark.parametrize("name", [name for name, (_, why) in ALL.items() if not why])
def test_a_file_that_alertmanager_accepts_is_accepted(name, tmp_path):
    assert verdict(tmp_path, ALL[name][0]) == []


REFUSED = {name: case for name, case in {**ALL, **STRICTER}.items() if case[1]}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_alertmanager_refuses_is_refused_with_file_line_column_and_why(name, tmp_path):
    text, why = REFUSED[name]
    found = verdict(tmp_path, text)
    assert any(why in each for each in found), found
    assert all(PLACE.match(each) for each in found)


@pytest.mark.parametrize("name", LOOSER)
def test_what_only_alertmanager_minds_is_accepted(name, tmp_path):
    assert verdict(tmp_path, LOOSER[name]) == []


@pytest.mark.peers
def test_the_real_amtool_says_the_same_of_every_file(peer, tmp_path):
    """But for what its version is too old for, and what is named as judged otherwise by us."""
    amtool = peer("amtool", "prometheus-alertmanager")
    cases = {name: not why for name, (_, why) in ALL.items() if name not in CRASHES}
    cases |= dict.fromkeys(STRICTER, True) | dict.fromkeys(LOOSER, False)
    texts = {name: text for name, (text, _) in {**ALL, **STRICTER}.items()} | LOOSER
    paths = {tmp_path / f"{number}.yml": name for number, name in enumerate(cases)}
    for path, name in paths.items():
        path.write_text(texts[name])
    done = subprocess.run(
        [amtool, "check-config", *map(str, paths)], capture_output=True, check=False, text=True, timeout=60
    )
    said = {}
    for part in done.stdout.split("Checking '")[1:]:
        path, _, rest = part.partition("'")
        said[next(name for each, name in paths.items() if str(each) == path)] = "FAILED" not in rest
    assert said.keys() == cases.keys()
    assert {name for name in cases if said[name] is not cases[name]} == NEWER


GOOD = {
    "empty-fields",
    "good",
    "group-by-all",
    "http-config.good",
    "slack-default-api-url-file",
    "slack-default-app-token",
    "smtp-no-username-or-password",
    "smtp-password-global-and-local",
    "sns-topic-arn",
}
BAD = {
    "nil-match_re-route": 'no regular expression is given for "invalid_label"',
    "nil-source_match_re-inhibition": 'no regular expression is given for "invalid_source_label"',
    "nil-target_match_re-inhibition": 'no regular expression is given for "invalid_target_label"',
    "slack-both-file-and-token": "at most one of slack_app_token and slack_app_token_file",
    "slack-both-file-and-url": "at most one of slack_api_url and slack_api_url_file",
    "slack-both-url-and-token": "at most one of slack_app_token and slack_api_url",
    "slack-no-api-url-or-token": "no Slack API URL nor app token is set",
    "slack-update-message-and-webhook": "update_message needs a bot token",
    "smtp-both-password-and-file": "at most one of smtp_auth_password and smtp_auth_password_file",
    "sns-invalid": "one of topic_arn, phone_number and target_arn must be set",
}


@pytest.mark.shared
def test_every_file_of_alertmanagers_own_tests_has_its_verdict(shared):
    found = {}
    for path in sorted((shared / "alertmanager").glob("conf.*.yml")):
        found[path.name.removeprefix("conf.").removesuffix(".yml")] = flaws(path)
    assert found.keys() == GOOD | BAD.keys()
    assert {name for name, why in found.items() if not why} == GOOD
    for name, words in BAD.items():
        assert any(words in each and re.search(r"\.yml:\d+:\d+: ", each) for each in found[name]), found[name]


@pytest.mark.shared
def test_what_the_good_file_says_is_what_runs(shared):
    """The tree, its timers and the rules of Alertmanager's own example, read by hand."""
    routing = load_routing(shared / "alertmanager" / "conf.good.yml")
    assert len(list(routing.root.walk())) == 8
    assert {(each.group_wait_ms, each.group_interval_ms, each.repeat_interval_ms) for each in routing.root.walk()} == {
        (30_000, 300_000, 3 * 3_600_000)
    }
    told = [each.receiver for each in routing.match({"service": "database", "owner2": "team-X", "owner": "team-Y"})]
    assert told == ["team-X-pager", "team-Y-pager"]
    assert [each.receiver for each in routing.match({"service": "foo10"})] == ["team-X-mails"]
    (rule,) = routing.inhibit_rules
    assert set(rule.equal) == {"alertname", "cluster", "service"}
    assert {name for name, plan in routing.receivers.items() if plan.silent} == {
        "victorOps-receiver",
        "opsGenie-receiver",
        "pushover-receiver",
    }
