"""What http_config may say, what contradicts itself, and that its secrets are read and shown nowhere."""

from __future__ import annotations

import pytest

from tests.notify.test_loading import load, problems

HEAD = (
    "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x.example.org/planted', http_config: "
)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{bearer_token: a, bearer_token_file: b}", "at most one of bearer_token, bearer_token_file can be set"),
        ("{basic_auth: {username: a}, bearer_token: b}", "at most one of authorization, basic_auth, oauth2"),
        ("{basic_auth: {username: a, username_file: b}}", "at most one of username, username_file"),
        ("{basic_auth: {password: a, password_file: b}}", "at most one of password, password_file"),
        ("{authorization: {type: Basic, credentials: a}}", "is written as basic_auth"),
        ("{authorization: {credentials: a, credentials_file: b}}", "at most one of credentials, credentials_file"),
        ("{oauth2: {client_id: a, token_url: ''}}", "oauth2 needs token_url"),
        (
            "{oauth2: {client_id: a, token_url: b, client_secret: c, client_secret_file: d}}",
            "at most one of client_secret",
        ),
        ("{proxy_url: 'http://p', proxy_from_environment: true}", "leave out proxy_url"),
        ("{no_proxy: x}", "no_proxy needs a proxy_url"),
        ("{proxy_connect_header: {A: [b]}}", "proxy_connect_header needs"),
        ("{tls_config: {cert: a}}", "a client certificate needs both"),
        ("{http_headers: {Authorization: {values: [a]}}}", "the header Authorization is set by the client"),
        ("{http_headers: {X-A: {valeus: [a]}}}", 'did you mean "values"?'),
        ("{basic_auth: {username: a, password_file: gone}}", "cannot read the secret file"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, config, said):
    (problem,) = problems(tmp_path, f"{HEAD}{config}}}]}}]\n")
    assert said in problem


def test_what_it_says_becomes_the_client_s_settings_with_secrets_read(tmp_path):
    (tmp_path / "pw").write_text("planted-1\n")
    (tmp_path / "header").write_text("planted-2\n")
    config = (
        "{basic_auth: {username: u, password_file: pw}, follow_redirects: false, proxy_url: 'http://u:planted-3@p:1', "
        "no_proxy: 'a.example.org, 10.0.0.0/8', proxy_connect_header: {X-P: [planted-4]}, "
        "tls_config: {ca_file: ca.pem, server_name: s}, "
        "http_headers: {X-A: {values: [v], secrets: [planted-5], files: [header]}}}"
    )
    routing = load(tmp_path, f"{HEAD}{config}}}]}}]\n")
    channel = routing.channels["a/webhook/0"]
    http = channel.http
    assert (http.username, http.password.reveal(), http.follow_redirects) == ("u", "planted-1", False)
    assert (http.proxy_url.reveal(), http.no_proxy) == ("http://u:planted-3@p:1", ("a.example.org", "10.0.0.0/8"))
    assert [(name, each.reveal()) for name, each in http.proxy_headers] == [("X-P", "planted-4")]
    assert (http.tls.ca_file, http.tls.server_name) == (str(tmp_path / "ca.pem"), "s")
    assert [each.reveal() for _, each in http.headers] == ["v", "planted-5", "planted-2"]
    assert "planted" not in repr(channel)


def test_the_global_one_is_used_where_an_integration_has_none(tmp_path):
    routes = (
        "global: {http_config: {bearer_token: t}}\nroute: {receiver: a}\n"
        "receivers: [{name: a, webhook_configs: [{url: 'http://x'}, {url: 'http://y', http_config: {}}]}]\n"
    )
    channels = load(tmp_path, routes).channels
    assert channels["a/webhook/0"].http.credentials.reveal() == "t"
    assert channels["a/webhook/1"].http.credentials is None
