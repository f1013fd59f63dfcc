"""Make the mail channel's settings out of what the two files say: defaults from `global:`, own values winning."""

from __future__ import annotations

from agent.model import Labels, Secret
from agent.notify.alertmanager_file import GlobalSpec
from agent.notify.channels import EmailChannel, OAuth2Settings, StartTls
from agent.notify.escalation_file import EmailSection, OAuth2Section
from agent.notify.integrations import EmailConfig
from agent.notify.settings import Secrets
from agent.notify.tls import TlsSettings
from agent.schema import Text


def email_channel(config: EmailConfig, defaults: GlobalSpec, secrets: Secrets, *, strict: bool = False) -> EmailChannel:
    """Return the settings of one email integration. Where it has a password or secret of its own, the global one is not used.

    `require_tls: false` uses STARTTLS where the relay offers it; `strict` never does then, as Alertmanager.
    """
    demanded = defaults.smtp_require_tls if config.require_tls is None else config.require_tls
    without: StartTls = "off" if strict else "opportunistic"
    tls = config.tls_config or defaults.smtp_tls_config
    threading = config.threading
    own_password = config.auth_password or config.auth_password_file
    own_secret = config.auth_secret or config.auth_secret_file
    return EmailChannel(
        smarthost=config.smarthost or defaults.smtp_smarthost,
        sender=config.from_ or defaults.smtp_from,
        hello=config.hello or defaults.smtp_hello or "localhost",
        auth_username=config.auth_username or defaults.smtp_auth_username,
        auth_password=secrets.of(config.auth_password, config.auth_password_file)
        if own_password
        else secrets.of(defaults.smtp_auth_password, defaults.smtp_auth_password_file),
        auth_identity=config.auth_identity or defaults.smtp_auth_identity,
        auth_secret=secrets.of(config.auth_secret, config.auth_secret_file)
        if own_secret
        else _secret(defaults, secrets),
        starttls="required" if demanded else without,
        implicit_tls=defaults.smtp_force_implicit_tls
        if config.force_implicit_tls is None
        else config.force_implicit_tls,
        tls=tls.settings(secrets.folder) if tls else TlsSettings(),
        thread_by=threading.thread_by_date if threading and threading.enabled else "",
        together=strict,
    )


def people_email(section: EmailSection | None, defaults: GlobalSpec, secrets: Secrets, am: Secrets) -> EmailChannel:
    """Return the relay for people's mail: `channels.email`, what it leaves open from alertmanager.yml's `global:`."""
    if section is None or not section.smarthost:
        tls = defaults.smtp_tls_config
        return EmailChannel(
            smarthost=defaults.smtp_smarthost,
            sender=(section.from_ if section else "") or defaults.smtp_from or "burnline@localhost",
            hello=defaults.smtp_hello or "localhost",
            auth_username=defaults.smtp_auth_username,
            auth_password=am.of(defaults.smtp_auth_password, defaults.smtp_auth_password_file),
            auth_identity=defaults.smtp_auth_identity,
            auth_secret=_secret(defaults, am),
            starttls="required" if defaults.smtp_require_tls else "opportunistic",
            implicit_tls=defaults.smtp_force_implicit_tls,
            tls=tls.settings(am.folder) if tls else TlsSettings(),
            reply_to=section.reply_to if section else "",
        )
    return EmailChannel(
        smarthost=section.smarthost,
        sender=section.from_ or defaults.smtp_from or "burnline@localhost",
        hello=section.hello,
        auth_username=section.auth_username,
        auth_password=secrets.of(section.auth_password, section.auth_password_file),
        auth_identity=section.auth_identity,
        auth_mechanism=section.auth_mechanism or "",
        auth_token_file=str(secrets.folder / str(section.auth_token_file)) if section.auth_token_file else "",
        oauth2=_oauth2(section.oauth2, secrets),
        starttls=section.starttls or ("opportunistic" if section.require_tls is False else "required"),
        implicit_tls=section.implicit_tls,
        tls=_own_tls(section, secrets),
        reply_to=section.reply_to,
        timeout_ms=section.timeout,
    )


def _secret(defaults: GlobalSpec, secrets: Secrets) -> Secret | None:
    return secrets.of(defaults.smtp_auth_secret, defaults.smtp_auth_secret_file)


def _oauth2(section: OAuth2Section | None, secrets: Secrets) -> OAuth2Settings | None:
    if section is None:
        return None
    return OAuth2Settings(
        token_url=section.token_url,
        client_id=section.client_id,
        client_secret=secrets.of(section.client_secret, section.client_secret_file),
        refresh_token=secrets.of(section.refresh_token, section.refresh_token_file),
        scopes=section.scopes,
        parameters=Labels(section.parameters),
    )


def _own_tls(section: EmailSection, secrets: Secrets) -> TlsSettings:
    def path(file: str | Text) -> str:
        return str(secrets.folder / file) if file else ""

    return TlsSettings(
        ca_file=path(section.ca_file),
        cert_file=path(section.cert_file),
        key_file=path(section.key_file),
        server_name=section.server_name,
        insecure_skip_verify=section.insecure_skip_verify,
    )
