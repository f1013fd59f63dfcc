"""How a connection is encrypted: `tls_config` as a file says it, and the value that a receiver makes its context from.

It opens no file: a certificate that cannot be read is found when the connection is made, and said then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.model import Secret
from agent.notify.endpoints import check_twins
from agent.schema import Text, WrongValue

TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Whom to trust, who we are, and which versions. Paths are absolute or relative to the working directory.

    `ca`, `cert` and `key` hold PEM text; `server_name` replaces the host's name in the handshake and in the check.
    """

    ca: str = ""
    ca_file: str = ""
    cert: str = ""
    cert_file: str = ""
    key: Secret | None = None
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """`tls_config` of alertmanager.yml, with Alertmanager's keys and its rules on which go together."""

    __title__ = "tls_config"
    ca: str = ""
    ca_file: Text | None = None
    cert: str = ""
    cert_file: Text | None = None
    key: Secret | None = None
    key_file: Text | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None

    def __post_init__(self) -> None:
        check_twins(self, "ca", "cert", "key")
        cert, key = self.cert or self.cert_file, self.key or self.key_file
        if bool(cert) != bool(key):
            has, lacks = ("cert", "key") if cert else ("key", "cert")
            place = has if getattr(self, has) else f"{has}_file"
            raise WrongValue(place, f"a client certificate needs both; one of {lacks} and {lacks}_file is missing")

    def settings(self, folder: Path) -> TlsSettings:
        """Return the value; relative paths are looked up in `folder`, where the configuration file is."""
        return TlsSettings(
            ca=self.ca,
            ca_file=_path(folder, self.ca_file),
            cert=self.cert,
            cert_file=_path(folder, self.cert_file),
            key=self.key,
            key_file=_path(folder, self.key_file),
            server_name=self.server_name,
            insecure_skip_verify=self.insecure_skip_verify,
            min_version=self.min_version,
            max_version=self.max_version,
        )


def _path(folder: Path, file: Text | None) -> str:
    return str(folder / str(file)) if file else ""
