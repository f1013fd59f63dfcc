"""A real mail server: Debian's postfix with a folder of its own, STARTTLS, TLS at once, a login, and maildirs to read from.

OpenSMTPD was tried first: Debian 12's cannot serve TLS with OpenSSL 3 (its key is "missing" in every handshake) and takes no
login without TLS, so it can show neither. Postfix needs root, as its master and its delivery change users.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import tempfile
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import trustme

from tests.peers.processes import free_port, with_us

USER, PASSWORD = "burnline", "the relay's password"
SIZE_LIMIT = 10_000_000
MAILBOXES = ("ana", "bob", "chris", "burnline")
_WAIT_S = 20
_TOOLS = ("postfix", "saslpasswd2")
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = relay.example.org
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
message_size_limit = {size_limit}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/conf/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_cert_file = {folder}/conf/cert.pem
smtpd_tls_key_file = {folder}/conf/key.pem
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = example.org
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
smtputf8_enable = no
default_privs = nobody
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


def lacking() -> str:
    """Say what is not here, or nothing."""
    gone = [each for each in _TOOLS if shutil.which(each) is None]
    if gone:
        return f"{', '.join(gone)} are not installed (apt-get install postfix sasl2-bin libsasl2-modules)"
    return "" if os.geteuid() == 0 else "postfix must be started by root"


class Postfix:
    """One postfix in a folder of its own; `start` and `stop` it as often as is needed. Mail stays between."""

    def __init__(self) -> None:
        # Not below pytest's own folder: postfix and the mailboxes' user must be able to walk there.
        self.folder = Path(tempfile.mkdtemp(prefix="burnline-postfix-"))
        self.folder.chmod(0o755)
        self.port, self.tls_port = free_port(), free_port()
        self.size_limit = SIZE_LIMIT
        self._process: subprocess.Popen | None = None
        for name in ("conf", "conf/sasl", "queue", "data", "log", "mail"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", "nobody", "nogroup")
        boxes = "".join(f"/^{user}@example\\.org$/ {user}/\n" for user in MAILBOXES)
        (self.folder / "conf" / "mailboxes").write_text(boxes)
        self._certify()
        self._add_user()

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def ca_file(self) -> str:
        return str(self.folder / "conf" / "ca.pem")

    def start(self) -> None:
        """Start, and wait until it greets."""
        conf = self.folder / "conf"
        names = {"folder": self.folder, "size_limit": self.size_limit, "port": self.port, "tls_port": self.tls_port}
        (conf / "main.cf").write_text(_MAIN.format(**names))
        (conf / "master.cf").write_text(_MASTER.format(**names))
        with (self.folder / "log" / "out").open("ab") as out:
            self._process = subprocess.Popen(
                with_us([str(shutil.which("postfix")), "-c", str(conf), "start-fg"]), stdout=out, stderr=out
            )
        self._until(self._greets, "postfix does not greet")

    def stop(self) -> None:
        """Stop, and wait until it is gone."""
        if self._process is None:
            return
        subprocess.run(
            [str(shutil.which("postfix")), "-c", str(self.folder / "conf"), "stop"], check=False, capture_output=True
        )
        self._process.wait(_WAIT_S)
        self._process = None

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def mails(self, user: str, count: int) -> list[EmailMessage]:
        """Wait until a mailbox holds `count` mails; return them, oldest first."""
        folder = self.folder / "mail" / user / "new"

        def there() -> bool:
            return folder.is_dir() and len(list(folder.iterdir())) >= count

        self._until(there, f"{user} has no {count} mails")
        found = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        return [message_from_bytes(each.read_bytes(), policy=default) for each in found]

    def empty(self) -> None:
        """Throw away what has arrived."""
        for each in (self.folder / "mail").iterdir():
            shutil.rmtree(each)

    def _certify(self) -> None:
        authority = trustme.CA()
        made = authority.issue_cert("127.0.0.1", "relay.example.org")
        authority.cert_pem.write_to_path(self.ca_file)
        chain = b"".join(each.bytes() for each in made.cert_chain_pems)
        (self.folder / "conf" / "cert.pem").write_bytes(chain)
        key = self.folder / "conf" / "key.pem"
        key.write_bytes(made.private_key_pem.bytes())
        key.chmod(0o600)

    def _add_user(self) -> None:
        base = self.folder / "conf" / "sasl" / "users"
        command = [str(shutil.which("saslpasswd2")), "-c", "-p", "-f", str(base), "-u", "example.org", USER]
        subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True)
        shutil.chown(base, "postfix")
        base.with_name("smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {base}\nmech_list: PLAIN LOGIN CRAM-MD5\n"
        )

    def _greets(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=2) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def _until(self, true, problem: str) -> None:
        """Wait for another process to have done something: it tells nobody when, so it is asked again and again."""
        ends = time.monotonic() + _WAIT_S
        while not true():
            if time.monotonic() > ends:
                said = "".join(
                    each.read_text(errors="replace") for each in (self.folder / "log").iterdir() if each.is_file()
                )
                raise AssertionError(f"{problem}; it said:\n{said[-3000:]}")
            time.sleep(0.05)  # another program starts, and nothing tells when it is there
