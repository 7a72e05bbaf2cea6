"""The settings about the CA, its challenges, and the checks before it is asked."""

from __future__ import annotations

from acme_companion.decide.settings.variables.variable import Theme, Variable

CA = Theme(
    "The CA",
    (
        Variable(
            "SKIP_LETS_ENCRYPT",
            "n",
            "Request no certificate at all; siblings still get a self-signed one to start with.",
            "certificates are what this is for",
        ),
        Variable(
            "LE_STAGING",
            "n",
            "Use Let's Encrypt's staging directory, whose certificates nobody trusts; wins over DIRECTORY_URL.",
            "mail programs would complain",
        ),
        Variable(
            "DIRECTORY_URL",
            "",
            "The directory of another ACME CA; https:// only.",
            "empty is Let's Encrypt: free, and trusted everywhere",
        ),
        Variable(
            "ACME_ACCOUNT_EMAIL",
            "me@example.com",
            "An address for the CA to write to; me@example.com or empty is none.",
            "Let's Encrypt sends no mail about expiry any more",
        ),
        Variable(
            "ACME_PROFILE",
            "",
            "The certificate profile to ask for, such as tlsserver or shortlived. If the CA does not offer it, nothing is ordered, and "
            "the log and `acme-companion plan` say which it offers.",
            "empty leaves the choice to the CA",
        ),
        Variable(
            "ACME_PREFERRED_CHAIN",
            "",
            "The root that chains should end in, where the CA offers several: its common name, or its SHA-256 fingerprint. "
            "Without such a chain the CA's own choice is used, with a warning.",
            "empty is the CA's own choice, which is right but for very old clients",
        ),
        Variable(
            "ACME_EAB_KID",
            "",
            "The key id of your account at the CA's own site, for CAs that register no other accounts (external account binding).",
            "none, as Let's Encrypt needs none",
        ),
        Variable(
            "ACME_EAB_HMAC_KEY",
            "",
            "The HMAC key that belongs to ACME_EAB_KID, in base64url as the CA's site shows it. Only needed to register.",
            "none, as secrets have none",
            secret=True,
        ),
        Variable(
            "ACME_KEY_TYPE",
            "rsa2048",
            "The kind of a new private key: rsa2048, rsa3072, rsa4096, ec256 or ec384. An existing key is always kept.",
            "the one choice that every old mail server can talk to",
        ),
        Variable(
            "ACME_ACCOUNT_KEY_TYPE",
            "",
            "The kind of a new account key, as ACME_KEY_TYPE. An existing key is always kept.",
            "empty is rsa2048 for acme/account.pem in VOLUME, as acme-tiny, which is in mailcow's container, knows nothing else; and "
            "ec256 in every other place, where a request costs next to nothing",
        ),
        Variable(
            "ACME_REHEARSAL",
            "y",
            "Order names that never had a certificate at the CA's staging directory first, and from the CA only once that worked.",
            "a mistake in DNS or a firewall then costs nothing; CAs count failed validations",
        ),
        Variable(
            "ACME_STAGING_DIRECTORY_URL",
            "",
            "The staging directory to rehearse at; https:// only.",
            "empty is Let's Encrypt's for Let's Encrypt, and no rehearsal for other CAs",
        ),
        Variable(
            "ACME_FALLBACK_DIRECTORY_URL",
            "",
            "The directory of a second CA, asked when the first is down or limits us while a certificate nears its end.",
            "none, as every CA that may issue is one more to trust, and CAA records must allow it",
        ),
        Variable(
            "ACME_FALLBACK_EAB_KID",
            "",
            "As ACME_EAB_KID, for the second CA.",
            "none, as not every CA needs one",
        ),
        Variable(
            "ACME_FALLBACK_EAB_HMAC_KEY",
            "",
            "As ACME_EAB_HMAC_KEY, for the second CA.",
            "none, as secrets have none",
            secret=True,
        ),
        Variable(
            "CA_BUNDLE",
            "",
            "A PEM file of root certificates to trust for the ACME API instead of the system's; for a CA of your own.",
            "none, as public CAs are in the system's list",
        ),
        Variable(
            "ORDERS_AT_ONCE",
            "4",
            "How many orders are placed at the same moment; 1 to 50.",
            "a hundred certificates are done in minutes, far below the CA's rate limits",
        ),
        Variable(
            "ISSUE_TIMEOUT",
            "600",
            "Seconds until an order that makes no progress is left for the next cycle; 1 to 86400.",
            "a CA under load may take minutes, but never hold up the other certificates for long",
        ),
    ),
)

CHALLENGES = Theme(
    "How the CA sees that the names are yours",
    (
        Variable(
            "ACME_DNS_CHALLENGE",
            "n",
            "Validate every name through DNS (DNS-01), with ACME_DNS_PROVIDER; wildcards need it, and port 80 need not be open.",
            "HTTP-01 needs no credentials of a DNS provider",
        ),
        Variable(
            "ACME_DNS_PROVIDER",
            "",
            "Who serves your DNS, under acme.sh's name, such as dns_cf; docs/dns-01.md has the list and the credentials of each.",
            "none, as nobody else can know it; mailcow's dns_xxx is none either",
        ),
        Variable(
            "ACME_DNS_ZONES",
            "",
            "Zones of which the names are validated through DNS, each with its provider, separated by commas: "
            "example.org:dns_cf,example.net:dns_nsupdate. All other names are as ACME_DNS_CHALLENGE says.",
            "none, as most stacks have one way for all names",
        ),
        Variable(
            "ACME_DNS_CONF",
            "/etc/acme/dns-01.conf",
            "The file with the credentials of DNS providers, as KEY=value, perhaps with a section for each zone.",
            "where mailcow has it",
        ),
        Variable(
            "ACME_DNS_TYPE",
            "dns-01",
            "The challenge used with ACME_DNS_CHALLENGE=y: dns-01, dns-account-01 or dns-persist-01.",
            "every CA has dns-01",
        ),
        Variable(
            "ACME_DNS_TIMEOUT",
            "180",
            "Seconds until every name server of a zone must show what was published in it, 1 to 3600; only then the CA is asked.",
            "most providers need a few seconds, slow zone transfers a minute or two",
        ),
        Variable(
            "ACME_DNS_EXEC",
            "",
            "With the provider exec: the command that gets add or remove, the record's name and its value as arguments.",
            "none, as most providers are known",
        ),
        Variable(
            "HTTP01_MODE",
            "webroot",
            "webroot: the stack's web server serves the challenge files from WEBROOT. standalone: we serve them ourselves.",
            "the stack has a web server on port 80 already",
        ),
        Variable(
            "WEBROOT",
            "/var/www/acme",
            "The directory that the web server serves as /.well-known/acme-challenge/.",
            "where mailcow mounts it",
        ),
        Variable(
            "HTTP01_PORT",
            "80",
            "The port that we listen on with HTTP01_MODE=standalone; the CA must reach it as port 80.",
            "CAs ask port 80 (RFC 8555 section 8.3)",
        ),
    ),
)

CHECKS = Theme(
    "Checks before the CA is asked",
    (
        Variable(
            "SKIP_IP_CHECK",
            "n",
            "Do not compare the addresses in DNS with our public ones.",
            "a name that points elsewhere costs a failed validation, and CAs limit those",
        ),
        Variable(
            "SKIP_HTTP_VERIFICATION",
            "n",
            "Do not fetch a file of ours from each name over HTTP.",
            "this is what the CA will do, and it tells what stands in the way",
        ),
        Variable(
            "SNAT_TO_SOURCE",
            "n",
            "Anything but n: accept an IPv4 address in DNS that is not ours, as outgoing connections use another.",
            "most servers send from the address that they receive at",
        ),
        Variable(
            "SNAT6_TO_SOURCE",
            "n",
            "The same for IPv6.",
            "most servers send from the address that they receive at",
        ),
        Variable(
            "ENABLE_IPV6",
            "true",
            "false: the stack has no IPv6; AAAA records are then a fault.",
            "as mailcow",
        ),
        Variable(
            "PUBLIC_IPV4",
            "",
            "Our public IPv4 address, if it is known.",
            "empty asks PUBLIC_IP_SERVICES",
        ),
        Variable(
            "PUBLIC_IPV6",
            "",
            "Our public IPv6 address, if it is known.",
            "empty asks PUBLIC_IP_SERVICES",
        ),
        Variable(
            "PUBLIC_IP_SERVICES",
            "https://icanhazip.com,https://api64.ipify.org,https://ident.me",
            "URLs that answer with the address they were asked from, separated by commas; each is asked over IPv4 and IPv6.",
            "three operators that do not depend on each other, and all that they learn is that this server exists",
        ),
        Variable(
            "RESOLVERS",
            "",
            "DNS resolvers to ask instead of the system's, separated by commas: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53.",
            "empty asks the system's resolver, which is the stack's own",
        ),
        Variable(
            "CHECK_TIMEOUT",
            "10",
            "Seconds that looking at one name may take; 0.1 to 300.",
            "the CA waits about as long",
        ),
        Variable(
            "CHECK_HTTP_PORT",
            "80",
            "The port that our own check asks; another one is for a test CA only.",
            "CAs ask port 80 (RFC 8555 section 8.3)",
        ),
        Variable(
            "CHECK_DNS_PORT",
            "53",
            "The port of authoritative name servers, which are asked for the records of DNS-01; another one is for a test network only.",
            "name servers have no other (RFC 1035 section 4.2)",
        ),
    ),
)
