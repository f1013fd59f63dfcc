"""Make the value that a receiver's HTTP client is made from: `http_config` with its secrets read."""

from __future__ import annotations

from agent.model import Labels, Secret
from agent.notify.channels import HttpSettings, OAuth2Settings
from agent.notify.http_config import HttpConfig, OAuth2Config
from agent.notify.settings import Secrets
from agent.notify.tls import TlsConfig, TlsSettings


def http_settings(config: HttpConfig | None, secrets: Secrets) -> HttpSettings:
    """Return the settings of one integration; without a config those of a plain client."""
    if config is None:
        return HttpSettings()
    basic = config.basic_auth
    username = basic.username if basic else ""
    if basic and basic.username_file:
        read = secrets.of(None, basic.username_file)
        username = read.reveal() if read else ""
    return HttpSettings(
        username=username,
        password=secrets.of(basic.password, basic.password_file) if basic else None,
        credentials=credentials(config, secrets),
        scheme=config.authorization.type.strip() if config.authorization else "Bearer",
        oauth2=_oauth2(config.oauth2, secrets) if config.oauth2 else None,
        oauth2_tls=_tls(config.oauth2.tls_config if config.oauth2 else None, secrets),
        tls=_tls(config.tls_config, secrets),
        proxy_url=config.proxy_url,
        no_proxy=tuple(each.strip() for each in config.no_proxy.split(",") if each.strip()),
        proxy_headers=tuple((name, each) for name, many in config.proxy_connect_header.items() for each in many),
        follow_redirects=config.follow_redirects,
        headers=tuple(_headers(config, secrets)),
    )


def credentials(config: HttpConfig | None, secrets: Secrets) -> Secret | None:
    """Return the token of the Authorization header, where one is set."""
    if config is None:
        return None
    if config.authorization:
        return secrets.of(config.authorization.credentials, config.authorization.credentials_file)
    return secrets.of(config.bearer_token, config.bearer_token_file)


def _oauth2(config: OAuth2Config, secrets: Secrets) -> OAuth2Settings:
    return OAuth2Settings(
        token_url=config.token_url,
        client_id=config.client_id,
        client_secret=secrets.of(config.client_secret, config.client_secret_file),
        scopes=config.scopes,
        parameters=Labels(config.endpoint_params),
    )


def _tls(config: TlsConfig | None, secrets: Secrets) -> TlsSettings | None:
    return config.settings(secrets.folder) if config else None


def _headers(config: HttpConfig, secrets: Secrets) -> list[tuple[str, Secret]]:
    found: list[tuple[str, Secret]] = []
    for name, header in config.http_headers.items():
        found += [(name, Secret(value)) for value in header.values]
        found += [(name, value) for value in header.secrets]
        found += [(name, read) for file in header.files if (read := secrets.of(None, file))]
    return found
