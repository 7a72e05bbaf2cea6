"""The mailbox server: IMAP, POP3 and ManageSieve, a certificate per SNI name. Dovecot 2.4's configuration."""

from __future__ import annotations

from pathlib import Path

from .volume import VOLUME, Certificate, become, certificates, wait_for_pair

CONFIGURATION = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
protocols = imap pop3 sieve
listen = *, ::
log_path = /dev/stderr
mail_driver = maildir
mail_path = /tmp/%{{user}}
passdb static {{
  password = test
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = /tmp/%{{user}}
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = 4190
  }}
}}
ssl = yes
ssl_server_cert_file = {volume}/cert.pem
ssl_server_key_file = {volume}/key.pem
ssl_server_dh_file = {volume}/dhparams.pem
"""
LOCAL_NAME = """\
local_name {name} {{
  ssl_server_cert_file = {certificate.chain}
  ssl_server_key_file = {certificate.key}
}}
"""


def local_names(certificate: Certificate) -> str:
    """Map each name of a certificate to it."""
    return "".join(LOCAL_NAME.format(name=name, certificate=certificate) for name in certificate.names)


def main() -> None:
    """Write the configuration from what is in the volume now, then become Dovecot."""
    wait_for_pair()
    text = CONFIGURATION.format(volume=VOLUME) + "".join(map(local_names, certificates()))
    Path("/etc/dovecot/dovecot.conf").write_text(text, encoding="utf-8")
    # After a restart of the container this file names process 1, which is alive again: us.
    Path("/run/dovecot/master.pid").unlink(missing_ok=True)
    become("dovecot", "-F")


main()
