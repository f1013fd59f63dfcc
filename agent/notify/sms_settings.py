"""Make the SMS channel's settings out of what escalation.yml says."""

from __future__ import annotations

from agent.model import Labels
from agent.notify.aws import people_sns
from agent.notify.channels import GatewayChannel, SnsChannel, TwilioChannel, Verdict
from agent.notify.settings import Secrets
from agent.notify.sms_section import SmsSection, VerdictSection


def people_sms(section: SmsSection | None, secrets: Secrets) -> TwilioChannel | GatewayChannel | SnsChannel:
    """Return how SMS travel. Without the section it is a Twilio channel that lacks everything."""
    if section is None:
        return TwilioChannel()
    if section.provider == "sns":
        return people_sns(section, secrets)
    return _twilio(section, secrets) if section.provider == "twilio" else _gateway(section, secrets)


def _twilio(section: SmsSection, secrets: Secrets) -> TwilioChannel:
    return TwilioChannel(
        account_sid=section.account_sid,
        auth_token=secrets.of(section.auth_token, section.auth_token_file) if section.account_sid else None,
        sender=section.from_,
        base_url=section.base_url,
        timeout_ms=section.timeout,
        max_segments=section.max_segments,
        replies=section.replies,
        api_key=section.api_key,
        api_secret=secrets.of(section.api_secret, section.api_secret_file) if section.api_key else None,
    )


def _gateway(section: SmsSection, secrets: Secrets) -> GatewayChannel:
    defaults = GatewayChannel()
    return GatewayChannel(
        url=secrets.of(section.url, section.url_file),
        method=section.method,
        headers=tuple(section.headers.items()),
        body=section.body,
        fields=Labels({name: str(text) for name, text in section.fields.items()}) or defaults.fields,
        bearer_token=secrets.of(section.bearer_token, section.bearer_token_file),
        username=section.username,
        password=secrets.of(section.password, section.password_file),
        template=str(section.template or ""),
        content_type=section.content_type,
        id_path=section.id_path,
        success=_verdict(section.success, defaults.success),
        retry_on=_verdict(section.retry_on, defaults.retry_on),
        timeout_ms=section.timeout,
        max_segments=section.max_segments,
    )


def _verdict(section: VerdictSection | None, default: Verdict) -> Verdict:
    if section is None:
        return default
    return Verdict(section.status or default.statuses, section.path, section.matches)
