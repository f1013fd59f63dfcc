"""pagerduty_configs as written: Events API v2 by routing_key; v1's service_key is read and not sent. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.model import Secret
from agent.notify.endpoints import check_twins, check_urls
from agent.notify.http_config import HttpConfig
from agent.schema import Duration, Place, Text, WrongValue, key

_TEXTS: Final = ("client", "client_url", "description", "severity", "source", "class_", "component", "group")


@dataclass(frozen=True, slots=True)
class PagerDutyLink:
    """A link that the incident shows."""

    __title__ = "pagerduty link"
    href: Text | None = None
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class PagerDutyImage:
    """A picture that the incident shows; `href` makes it a link."""

    __title__ = "pagerduty image"
    src: Text | None = None
    alt: Text | None = None
    href: Text | None = None


@dataclass(frozen=True, slots=True)
class PagerDutyConfig:
    """One entry of pagerduty_configs; None where the default or `global:` decides."""

    __title__ = "pagerduty config"
    place: Place
    send_resolved: bool | None = None
    http_config: HttpConfig | None = None
    routing_key: Secret | None = None
    routing_key_file: Text | None = None
    service_key: Secret | None = None
    service_key_file: Text | None = None
    url: str = ""
    client: Text | None = None
    client_url: Text | None = None
    description: Text | None = None
    severity: Text | None = None
    source: Text | None = None
    class_: Text | None = key("class", default=None)
    component: Text | None = None
    group: Text | None = None
    details: dict[str, Any] = key(factory=dict)
    links: tuple[PagerDutyLink, ...] = ()
    images: tuple[PagerDutyImage, ...] = ()
    timeout: Duration = 0

    def __post_init__(self) -> None:
        check_twins(self, "routing_key", "service_key")
        check_urls(self, "url")
        names = ("routing_key", "routing_key_file", "service_key", "service_key_file")
        if not any(getattr(self, name) for name in names):
            raise WrongValue("", "missing routing_key in PagerDuty config")

    @property
    def is_sent(self) -> bool:
        """Say whether it is by the Events API v2; v1 is not spoken here."""
        return bool(self.routing_key or self.routing_key_file)


def pagerduty_texts(config: PagerDutyConfig) -> Mapping[str, Text | None]:
    """Return every text that may be a Go template, under the name that errors show."""
    found: dict[str, Text | None] = {name.rstrip("_"): getattr(config, name) for name in _TEXTS}
    for name, value in config.details.items():
        found |= {f"details.{path}": Text(text, config.place) for path, text in _leaves(name, value)}
    for number, link in enumerate(config.links, 1):
        found |= {f"href of link {number}": link.href, f"text of link {number}": link.text}
    for number, image in enumerate(config.images, 1):
        found |= {f"{name} of image {number}": getattr(image, name) for name in ("src", "alt", "href")}
    return found


def pagerduty_options(config: PagerDutyConfig) -> dict[str, Any]:
    """Return the options of a message's row: plain JSON, what is not written left out."""
    made: dict[str, Any] = {name.rstrip("_"): str(getattr(config, name)) for name in _TEXTS if getattr(config, name)}
    if config.details:
        made["details"] = config.details
    if config.links:
        made["links"] = [{name: str(getattr(each, name) or "") for name in ("href", "text")} for each in config.links]
    if config.images:
        made["images"] = [
            {name: str(getattr(each, name) or "") for name in ("src", "alt", "href")} for each in config.images
        ]
    return made


def _leaves(path: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for name, each in inner for leaf in _leaves(f"{path}.{name}", each)]
