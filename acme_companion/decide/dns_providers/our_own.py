"""The interfaces that we speak ourselves."""

from __future__ import annotations

from acme_companion.decide.dns_providers.provider import Interface, Provider, Way

OUR_OWN = (
    Provider(
        "dns_nsupdate",
        "RFC 2136: BIND, Knot DNS, PowerDNS, Windows and others",
        Interface.RFC_2136,
        (Way(("NSUPDATE_SERVER",)),),
        optional=(
            "NSUPDATE_SERVER_PORT",
            "NSUPDATE_KEY",
            "NSUPDATE_KEY_NAME",
            "NSUPDATE_KEY_VALUE",
            "NSUPDATE_KEY_TYPE",
            "NSUPDATE_ZONE",
            "NSUPDATE_TTL",
        ),
        unused=("NSUPDATE_OPT",),
        ttl=60,
    ),
    Provider(
        "dns_acmedns",
        "acme-dns",
        Interface.ACME_DNS,
        (Way(("ACMEDNS_USERNAME", "ACMEDNS_PASSWORD", "ACMEDNS_SUBDOMAIN")),),
        optional=("ACMEDNS_BASE_URL", "ACMEDNS_UPDATE_URL"),
        ttl=1,
    ),
    Provider(
        "dns_servercow",
        "Servercow",
        Interface.SERVERCOW,
        (Way(("SERVERCOW_API_Username", "SERVERCOW_API_Password")),),
        ttl=60,
    ),
    Provider("exec", "a command of your own", Interface.COMMAND, (Way(("ACME_DNS_EXEC",)),)),
)
