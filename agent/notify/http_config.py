"""`http_config` of alertmanager.yml: what the file says of how an integration connects over HTTP. Values only.

The rules on which keys go together are those of Prometheus' HTTP clients.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.model import Secret
from agent.notify.tls import TlsConfig
from agent.schema import Place, Text, WrongValue, key


def _at_most_one(config: object, *names: str) -> None:
    given = [name for name in names if getattr(config, name)]
    if len(given) > 1:
        raise WrongValue(given[1], f"at most one of {', '.join(names)} can be set")


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password of HTTP's basic scheme."""

    __title__ = "basic_auth"
    username: str = ""
    username_file: Text | None = None
    password: Secret | None = None
    password_file: Text | None = None

    def __post_init__(self) -> None:
        _at_most_one(self, "username", "username_file")
        _at_most_one(self, "password", "password_file")


@dataclass(frozen=True, slots=True)
class Authorization:
    """An Authorization header: `type` is Bearer unless said otherwise."""

    __title__ = "authorization"
    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: Text | None = None

    def __post_init__(self) -> None:
        _at_most_one(self, "credentials", "credentials_file")
        if self.type.strip().lower() == "basic":
            raise WrongValue("type", 'authorization type "basic" is written as basic_auth')


@dataclass(frozen=True, slots=True)
class OAuth2Config:
    """Client credentials with which an access token is fetched."""

    __title__ = "oauth2"
    client_id: str
    token_url: str
    client_secret: Secret | None = None
    client_secret_file: Text | None = None
    scopes: tuple[str, ...] = ()
    endpoint_params: dict[str, str] = key(factory=dict)
    tls_config: TlsConfig | None = None
    proxy_url: Secret | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, tuple[Secret, ...]] = key(factory=dict)

    def __post_init__(self) -> None:
        for name in ("client_id", "token_url"):
            if not getattr(self, name):
                raise WrongValue(name, f"oauth2 needs {name}")
        _at_most_one(self, "client_secret", "client_secret_file")
        check_proxy(self)


@dataclass(frozen=True, slots=True)
class HttpHeader:
    """The values of one header: plain, secret, or in files."""

    __title__ = "http header"
    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """How an HTTP integration connects."""

    __title__ = "http_config"
    place: Place
    authorization: Authorization | None = None
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    bearer_token_file: Text | None = None
    follow_redirects: bool = True
    enable_http2: bool = True
    proxy_url: Secret | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, tuple[Secret, ...]] = key(factory=dict)
    tls_config: TlsConfig | None = None
    oauth2: OAuth2Config | None = None
    http_headers: dict[str, HttpHeader] = key(factory=dict)

    def __post_init__(self) -> None:
        _at_most_one(self, "bearer_token", "bearer_token_file")
        _at_most_one(self, "authorization", "basic_auth", "oauth2", "bearer_token", "bearer_token_file")
        check_proxy(self)
        for name in self.http_headers:
            if name.lower() in _OWN_HEADERS:
                raise WrongValue("http_headers", f"the header {name} is set by the client and cannot be replaced here")


_OWN_HEADERS = frozenset(
    {"authorization", "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
     "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding",
     "x-prometheus-remote-write-version", "x-prometheus-remote-read-version", "x-prometheus-scrape-timeout-seconds",
     "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
)  # fmt: skip


def check_proxy(config: HttpConfig | OAuth2Config) -> None:
    """Raise WrongValue where the keys of a proxy contradict one another."""
    if config.proxy_from_environment and config.proxy_url:
        raise WrongValue("proxy_url", "proxy_from_environment takes the environment's proxy; leave out proxy_url")
    if config.proxy_from_environment and config.no_proxy:
        raise WrongValue("no_proxy", "proxy_from_environment takes the environment's no_proxy; leave out no_proxy")
    if config.no_proxy and not config.proxy_url:
        raise WrongValue("no_proxy", "no_proxy needs a proxy_url that it makes exceptions from")
    if config.proxy_connect_header and not config.proxy_url and not config.proxy_from_environment:
        raise WrongValue("proxy_connect_header", "proxy_connect_header needs proxy_url or proxy_from_environment")
