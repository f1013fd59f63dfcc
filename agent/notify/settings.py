"""Make channel settings out of what the two files say: defaults from `global:`, secrets from files, own values winning.

A secret file that is missing is an error in alertmanager.yml (as any other mistake there) and disables the channel in
escalation.yml, so that a lost Slack token never stops the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.model import Labels, Secret
from agent.notify.channels import GatewayChannel, TwilioChannel
from agent.notify.escalation_file import SmsSection
from agent.schema import Place, Text

ReadSecret = Callable[[Path], str]


def read_secret(path: Path) -> str:
    """Read a secret file; the line break at its end is no part of the secret. Raises OSError."""
    return path.read_text(encoding="utf-8").strip("\r\n")


@dataclass
class Secrets:
    """Reads secret files relative to one configuration file, and gathers what could not be read."""

    folder: Path
    read: ReadSecret
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where AWS' own variables are looked up."""
    problems: list[tuple[Place, str]] = field(default_factory=list)

    def of(self, inline: Secret | None, file: Text | None) -> Secret | None:
        """Return the secret given inline or by file; None where there is none or it cannot be read."""
        if not file:
            return inline or None
        path = self.folder / str(file)
        try:
            return Secret(self.read(path)) or None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            self.problems.append((file.place, f"cannot read the secret file {path}: {reason}"))
            return None


def people_sms(section: SmsSection | None, secrets: Secrets) -> TwilioChannel | GatewayChannel:
    """Return how SMS travel: Twilio or a gateway. Without the section it is a Twilio channel that lacks everything."""
    if section is None:
        return TwilioChannel()
    if section.provider == "twilio":
        token = secrets.of(section.auth_token, section.auth_token_file) if section.account_sid else None
        return TwilioChannel(
            section.account_sid,
            token,
            section.from_,
            section.base_url,
            section.timeout,
            section.max_segments,
            section.replies,
            section.api_key,
            secrets.of(section.api_secret, section.api_secret_file) if section.api_key else None,
        )
    made = GatewayChannel(
        url=secrets.of(section.url, section.url_file),
        method=section.method,
        headers=Labels(section.headers),
        body=section.body,
        bearer_token=secrets.of(section.bearer_token, section.bearer_token_file),
        username=section.username,
        password=secrets.of(section.password, section.password_file),
        id_field=section.id_field,
        timeout_ms=section.timeout,
    )
    if not section.fields:
        return made
    return replace(made, fields=Labels(section.fields))
