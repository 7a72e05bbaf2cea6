"""The settings that say which names are wanted."""

from __future__ import annotations

from acme_companion.decide.settings.variables.variable import Theme, Variable

FIRST = Theme(
    "What you must set",
    (
        Variable(
            "MAILCOW_HOSTNAME",
            "",
            "The fully qualified name of the mail server, such as mail.example.org; the first name of its certificate.",
            "none, as nobody else can know it",
        ),
    ),
)

NAMES = Theme(
    "Names",
    (
        Variable(
            "ADDITIONAL_SAN",
            "",
            "More names, separated by commas: webmail.example.org is that name, imap.* is that prefix on every mail domain. "
            "A wildcard (*.example.org) needs DNS-01 for its zone (docs/dns-01.md), an IP address a CA or a profile that certifies "
            "those (ACME_PROFILE=shortlived at Let's Encrypt). An entry that cannot be used is left out, with a warning.",
            "none, as no name is requested that nobody asked for",
        ),
        Variable(
            "AUTODISCOVER_SAN",
            "y",
            "Add autodiscover.* and autoconfig.* for every mail domain, and mta-sts.* where a policy is active.",
            "mail programs look for these names without being told",
        ),
        Variable(
            "ONLY_MAILCOW_HOSTNAME",
            "n",
            "Put MAILCOW_HOSTNAME into the certificate and nothing else.",
            "most servers are reached by more than one name",
        ),
        Variable(
            "ENABLE_SSL_SNI",
            "n",
            "Give every mail domain a certificate of its own, chosen by SNI.",
            "one certificate is the simplest thing, and old mail programs send no SNI",
        ),
        Variable(
            "MAIL_DOMAINS",
            "",
            "Mail domains, separated by commas, besides those of the database.",
            "none, as mailcow keeps them in its database",
        ),
        Variable(
            "MTA_STS_DOMAINS",
            "",
            "Domains with an active MTA-STS policy, separated by commas, besides those of the database.",
            "none, as mailcow keeps them in its database",
        ),
        Variable(
            "MAX_NAMES_PER_CERTIFICATE",
            "",
            "When there are more names than this, they are spread over several certificates, each mail domain's together, and stay "
            "where they are; 1 to 100.",
            "empty is 100, or 25 with ACME_PROFILE=tlsserver or shortlived: Let's Encrypt accepts no more",
        ),
    ),
)
