"""The web server: serves challenges on 80, and a server block per certificate directory on HTTPS_PORT."""

from __future__ import annotations

import os
from pathlib import Path

from .volume import VOLUME, Certificate, become, certificates, hostname, wait_for_pair

CONFIGURATION = """\
user www-data;
worker_processes 1;
error_log stderr notice;
pid /run/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log /dev/stdout;
    server_names_hash_max_size 16384;
    server_names_hash_bucket_size 256;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_dhparam {volume}/dhparams.pem;
    server {{
        listen 80 default_server;
        listen [::]:80 default_server;
        location ^~ /.well-known/acme-challenge/ {{
            alias /var/www/acme/;
            default_type text/plain;
        }}
        location / {{ return 301 https://$host$request_uri; }}
    }}
{servers}}}
"""
SERVER = """\
    server {{
        listen {port} ssl{default};
        listen [::]:{port} ssl{default};
        server_name {names};
        ssl_certificate {chain};
        ssl_certificate_key {key};
        location / {{ return 200 "{names}\\n"; }}
    }}
"""


def server(certificate: Certificate, default: str = "") -> str:
    """Describe one TLS server."""
    return SERVER.format(
        port=os.environ.get("HTTPS_PORT", "443"),
        default=default,
        names=" ".join(certificate.names),
        chain=certificate.chain,
        key=certificate.key,
    )


def main() -> None:
    """Write the configuration from what is in the volume now, then become nginx."""
    wait_for_pair()
    # The default server answers for the host name, so its directory gets no server of its own.
    others = [found for found in certificates() if found.names and hostname() not in found.names]
    servers = server(Certificate(VOLUME, (hostname(),)), " default_server") + "".join(map(server, others))
    text = CONFIGURATION.format(volume=VOLUME, servers=servers)
    Path("/etc/nginx/nginx.conf").write_text(text, encoding="utf-8")
    become("nginx", "-g", "daemon off;")


main()
