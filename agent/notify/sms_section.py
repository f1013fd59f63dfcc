"""What escalation.yml says under `channels.sms`: Twilio, Amazon SNS or any HTTP gateway. Values and their own checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import re2

from agent.model import Secret
from agent.notify.limits_section import LimitsSection
from agent.notify.receivers.gateway_form import PLACEHOLDERS, nest, unknown_placeholders
from agent.schema import Convert, Duration, Place, Text, WrongText, WrongValue, key, suggest

MOST_SEGMENTS: Final = 10
"""What Twilio takes at most (1600 characters), and more than anybody reads."""


def check_status(text: str) -> str:
    """Return an HTTP status (429) or a class of them (5xx); raise ValueError."""
    if not re.fullmatch(r"[1-5](xx|[0-9]{2})", text):
        message = f'not an HTTP status: "{text}"; write a number like 429 or a class like 5xx'
        raise ValueError(message)
    return text


def check_pattern(text: str) -> str:
    """Return a regular expression that RE2 reads; raise ValueError."""
    try:
        re2.compile(text)
    except re2.error as error:
        message = f'not a regular expression: "{text}" ({error})'
        raise ValueError(message) from error
    return text


def check_placeholders(text: Text) -> None:
    """Raise WrongText where a template names something that is not there."""
    for name in unknown_placeholders(text):
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS if ":" not in each)
        raise WrongText(text.place, f"unknown placeholder {{{name}}}{suggest(name, PLACEHOLDERS)}; there are {known}")


@dataclass(frozen=True, slots=True)
class VerdictSection:
    """Which answers of a gateway are a success, or worth another try."""

    __title__ = "verdict"
    status: tuple[Annotated[str, Convert(check_status, "an HTTP status")], ...] = ()
    path: str = ""
    matches: Annotated[str, Convert(check_pattern, "a regular expression")] = ""


@dataclass(frozen=True, slots=True)
class SmsSection:
    """`channels.sms`: Twilio's account, Amazon SNS in a region, or the request of any other gateway."""

    __title__ = "channels.sms"
    place: Place
    provider: Literal["twilio", "gateway", "sns"] = "twilio"
    max_segments: int = 1
    timeout: Duration = 10_000
    limits: LimitsSection | None = None
    base_url: str = ""
    account_sid: str = ""
    auth_token: Secret | None = None
    auth_token_file: Text | None = None
    api_key: str = ""
    api_secret: Secret | None = None
    api_secret_file: Text | None = None
    from_: str = key("from", default="")
    replies: bool = True
    url: Secret | None = None
    url_file: Text | None = None
    method: str = "POST"
    headers: dict[str, Secret] = key(factory=dict)
    body: Literal["json", "form", "query", "template"] = "json"
    fields: dict[str, Text] = key(factory=dict)
    template: Text | None = None
    content_type: str = ""
    bearer_token: Secret | None = None
    bearer_token_file: Text | None = None
    username: str = ""
    password: Secret | None = None
    password_file: Text | None = None
    id_path: str = "id"
    success: VerdictSection | None = None
    retry_on: VerdictSection | None = None
    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    secret_key_file: Text | None = None
    profile: str = ""
    sender_id: str = ""
    max_price: str = ""

    def __post_init__(self) -> None:
        if (self.body == "template") != bool(self.template):
            raise WrongValue("template", "body: template and a template belong together")
        for text in (*self.fields.values(), *((self.template,) if self.template else ())):
            check_placeholders(text)
        if self.body == "json":
            try:
                nest(self.fields)
            except ValueError as error:
                raise WrongValue("fields", str(error)) from error
        if not 1 <= self.max_segments <= MOST_SEGMENTS:
            raise WrongValue("max_segments", f"a text message may take 1 to {MOST_SEGMENTS} parts")
        if self.max_price and not self.max_price.replace(".", "", 1).isdecimal():
            raise WrongValue("max_price", "max_price is an amount in US dollars, such as 0.50")
