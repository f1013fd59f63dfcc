"""Where SNS' keys and region come from, and which sns_configs are refused."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.notify import load_routing

ROUTES = """
route: {receiver: pages}
receivers:
  - name: pages
    sns_configs: [%s]
"""
PEOPLE = """
people: {ana: {phone: "+33600000001"}}
channels: {sms: {provider: sns, %s}}
receivers: {pages: {notify: [{person: ana, by: [sms]}]}}
"""
TOPIC = "topic_arn: 'arn:aws:sns:eu-west-1:123456789012:pages'"


def load(tmp_path, config, environment=None, people=""):
    first, second = tmp_path / "alertmanager.yml", tmp_path / "escalation.yml"
    first.write_text(ROUTES % config if config else "route: {receiver: pages}\nreceivers: [{name: pages}]")
    second.write_text(PEOPLE % people if people else "")
    return load_routing(first, second, environment or {})


def channel(routing, transport="pages/sns/0"):
    made = routing.channels[transport]
    return made.region, made.access_key, made.secret_key.reveal() if made.secret_key else ""


def test_what_the_file_says_wins(tmp_path):
    signing = "sigv4: {region: us-east-2, access_key: A, secret_key: S}"
    environment = {"AWS_ACCESS_KEY_ID": "B", "AWS_SECRET_ACCESS_KEY": "T", "AWS_REGION": "eu-north-1"}
    assert channel(load(tmp_path, f"{{{TOPIC}, {signing}}}", environment)) == ("us-east-2", "A", "S")
    assert channel(load(tmp_path, f"{{{TOPIC}}}", environment)) == ("eu-west-1", "B", "T")
    assert channel(load(tmp_path, "{phone_number: '+33612345678'}", environment)) == ("eu-north-1", "B", "T")


def test_a_profile_is_read_from_the_shared_files(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = S%1\n"
        "[pager]\naws_access_key_id = B\naws_secret_access_key = T\naws_session_token = U\n"
    )
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-west-3\n[profile pager]\nregion = eu-central-1\n")
    home = {"HOME": str(tmp_path)}
    assert channel(load(tmp_path, "{phone_number: '+33612345678'}", home)) == ("eu-west-3", "A", "S%1")
    pager = load(tmp_path, "{phone_number: '+33612345678', sigv4: {profile: pager}}", home)
    assert channel(pager) == ("eu-central-1", "B", "T")
    assert pager.channels["pages/sns/0"].session_token.reveal() == "U"


@pytest.mark.parametrize("text", ["", "not an ini file", "[other]\n"])
def test_without_keys_the_integration_is_disabled_and_says_why(tmp_path, text):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(text)
    routing = load(tmp_path, f"{{{TOPIC}}}", {"HOME": str(tmp_path)})
    assert routing.disabled["pages/sns/0"].startswith("no access_key, secret_key for SNS")
    assert any("it is disabled" in str(each) for each in routing.warnings)


def test_a_role_is_refused_clearly(tmp_path):
    signing = "sigv4: {region: us-east-2, access_key: A, secret_key: S, role_arn: 'arn:aws:iam::1:role/x'}"
    routing = load(tmp_path, f"{{{TOPIC}, {signing}}}")
    assert "role_arn is not supported" in routing.disabled["pages/sns/0"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("{subject: x}", "one of topic_arn, phone_number and target_arn must be set"),
        (f"{{{TOPIC}, phone_number: '+33612345678'}}", "only one"),
        (f"{{{TOPIC}, sigv4: {{access_key: A}}}}", "must be given together"),
        (f"{{{TOPIC}, topics: x}}", 'unknown key "topics"'),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path, config, problem):
    with pytest.raises(SchemaError, match=problem) as caught:
        load(tmp_path, config)
    assert "alertmanager.yml:5:" in str(caught.value)


def test_people_are_reached_by_sns(tmp_path):
    (tmp_path / "secret").write_text("S\n")
    said = "region: eu-west-1, access_key: A, secret_key_file: secret, sender_id: Burnline, max_price: '0.5', max_segments: 2"
    made = load(tmp_path, "", people=said).channels["sms"]
    assert (made.secret_key.reveal(), made.sender_id, made.max_price, made.max_segments) == ("S", "Burnline", "0.5", 2)
    environment = {"AWS_ACCESS_KEY_ID": "B", "AWS_SECRET_ACCESS_KEY": "T", "AWS_DEFAULT_REGION": "eu-north-1"}
    assert channel(load(tmp_path, "", environment, people="sender_id: B"), "sms") == ("eu-north-1", "B", "T")


@pytest.mark.parametrize(("said", "problem"), [("max_segments: 11", "1 to 10"), ("max_price: a lot", "US dollars")])
def test_wrong_settings_of_text_messages_are_refused(tmp_path, said, problem):
    with pytest.raises(SchemaError, match=problem):
        load(tmp_path, "", people=said)
