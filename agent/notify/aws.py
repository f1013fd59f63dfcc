"""Settings of Amazon SNS: from sns_configs, from `channels.sms`, and from the environment and files that AWS' tools read.

Keys come from the file itself, from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the shared credentials file. No
metadata service is asked: a sidecar that hangs on one at three in the morning tells nobody.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from agent.model import Secret
from agent.notify.alertmanager_file import GlobalSpec
from agent.notify.channels import SnsChannel
from agent.notify.http_settings import http_settings
from agent.notify.integrations import SigV4, SnsConfig
from agent.notify.settings import Secrets
from agent.notify.sms_section import SmsSection


def sns_channel(config: SnsConfig, defaults: GlobalSpec, secrets: Secrets) -> SnsChannel:
    """Return the settings of one entry of sns_configs."""
    signing = config.sigv4 or SigV4()
    region = signing.region or region_of(config.api_url) or region_of(config.address)
    refused = ""
    if signing.role_arn:
        refused = "sigv4.role_arn is not supported: give access_key and secret_key of a user that may publish"
    keyed = _keys(signing.access_key, signing.secret_key, signing.profile, secrets)
    return SnsChannel(
        region=region or _region(signing.profile, secrets),
        access_key=keyed[0],
        secret_key=keyed[1],
        session_token=keyed[2],
        url=config.api_url,
        http=http_settings(config.http_config or defaults.http_config, secrets),
        refused=refused,
    )


def people_sns(section: SmsSection, secrets: Secrets) -> SnsChannel:
    """Return how SMS travel by SNS, from `channels.sms`."""
    written = secrets.of(section.secret_key, section.secret_key_file)
    keyed = _keys(section.access_key, written, section.profile, secrets)
    return SnsChannel(
        region=section.region or region_of(section.base_url) or _region(section.profile, secrets),
        access_key=keyed[0],
        secret_key=keyed[1],
        session_token=keyed[2],
        url=section.base_url,
        sender_id=section.sender_id,
        max_price=section.max_price,
        max_segments=section.max_segments,
        timeout_ms=section.timeout,
    )


def region_of(text: str) -> str:
    """Return the region that an endpoint of SNS (`sns.eu-west-1.amazonaws.com`) or an ARN names, or ""."""
    if text.startswith("arn:"):
        parts = text.split(":")
        return parts[3] if len(parts) > 5 else ""
    found = re.match(r"sns(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$", urlsplit(text).hostname or "")
    return found[1] if found else ""


def _keys(
    access_key: str, secret_key: Secret | None, profile: str, secrets: Secrets
) -> tuple[str, Secret | None, Secret | None]:
    """Return key, secret and session token: those written, else the environment's, else the profile's."""
    if access_key or secret_key:
        return access_key, secret_key, None
    environment = secrets.environment
    if environment.get("AWS_ACCESS_KEY_ID") and not profile:
        found = {name.lower(): value for name, value in environment.items() if name.startswith("AWS_")}
    else:
        found = _profile("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile, secrets)
    return (
        found.get("aws_access_key_id", ""),
        Secret(found.get("aws_secret_access_key", "")) or None,
        Secret(found.get("aws_session_token", "")) or None,
    )


def _region(profile: str, secrets: Secrets) -> str:
    environment = secrets.environment
    if not profile and (found := environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")):
        return found
    return _profile("AWS_CONFIG_FILE", "config", profile, secrets).get("region", "")


def _profile(variable: str, name: str, profile: str, secrets: Secrets) -> dict[str, str]:
    """Return one section of a file that AWS' tools share; nothing where file or section are not there."""
    home = secrets.environment.get("HOME", "")
    path = secrets.environment.get(variable) or (f"{home}/.aws/{name}" if home else "")
    if not path:
        return {}
    wanted = profile or secrets.environment.get("AWS_PROFILE") or "default"
    from configparser import ConfigParser  # only for SNS without keys, and then while the files are read
    from configparser import Error as ConfigError

    reader = ConfigParser(interpolation=None, default_section="")
    try:
        reader.read_string(secrets.read(Path(path)))
    except (OSError, UnicodeDecodeError, ConfigError):
        return {}
    section = f"profile {wanted}" if name == "config" and wanted != "default" else wanted
    return dict(reader.items(section)) if reader.has_section(section) else {}
