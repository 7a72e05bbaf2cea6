"""BIND with zones that can be changed over DNS (RFC 2136) by whoever has the TSIG key."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .volume import become

FOLDER = Path("/var/lib/bind")
CONFIGURATION = """\
options {{ directory "{folder}"; recursion no; listen-on {{ any; }}; listen-on-v6 {{ none; }}; dnssec-validation no; }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
{zones}"""
# Text records only, as an admin would grant it.
ZONE = """\
zone "{zone}" {{ type master; file "{folder}/{zone}.zone"; update-policy {{ grant "{key}" zonesub TXT; }}; }};
"""
RECORDS = """\
$TTL 1
@ SOA ns hostmaster 1 60 60 60 1
@ NS ns
ns A {own}
@ A {web}
* A {web}
"""


def main() -> None:
    """Write configuration and zones, then become BIND."""
    own, web, zones = os.environ["OWN_ADDRESS"], os.environ["WEB_ADDRESS"], os.environ["ZONES"].split()
    key = os.environ["TSIG_NAME"]
    for zone in zones:
        path = FOLDER / f"{zone}.zone"
        # A journal of an earlier start belongs to the zone as it was then.
        path.with_suffix(".zone.jnl").unlink(missing_ok=True)
        path.write_text(RECORDS.format(own=own, web=web), encoding="utf-8")
        shutil.chown(path, "bind", "bind")
    text = CONFIGURATION.format(
        folder=FOLDER,
        key=key,
        secret=os.environ["TSIG_SECRET"],
        zones="".join(ZONE.format(zone=zone, folder=FOLDER, key=key) for zone in zones),
    )
    Path("/etc/bind/named.conf").write_text(text, encoding="utf-8")
    become("named", "-g", "-u", "bind", "-4")


main()
