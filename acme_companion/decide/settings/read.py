"""The settings, from the environment and the env file: all of them right, or every complaint at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings import (
    Ca,
    Challenges,
    Checks,
    Http01,
    Http01Mode,
    KeyType,
    Settings,
    certificates,
    values,
)
from acme_companion.decide.settings.accounts import external_account, private_volume
from acme_companion.decide.settings.dns import DnsGiven
from acme_companion.decide.settings.dns import challenges as by_dns
from acme_companion.decide.settings.naming import naming
from acme_companion.decide.settings.other_cas import fallback_ca, rehearsal_ca
from acme_companion.decide.settings.source import Source
from acme_companion.decide.settings.stack import database, deployment, redis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.decide.settings.dns_file import DnsFile
    from acme_companion.decide.settings.env_file import EnvFile


def read(
    environment: Mapping[str, str],
    env_file: EnvFile | None = None,
    dns_file: DnsFile | None = None,
    *,
    docker_socket_exists: bool = True,
    private_volume_exists: bool = False,
) -> Settings:
    """The settings; the environment wins over the file. Raises `SettingsWrong` with every complaint.

    `dns_file`: what ACME_DNS_CONF names, None when it is not there. `docker_socket_exists`: whether there is a `/var/run/docker.sock`, which decides what an empty DOCKER_HOST means.
    `private_volume_exists`: the same for `/var/lib/acme-private` and PRIVATE_VOLUME.
    """
    source = Source(environment, env_file)
    skip_acme = source.get("SKIP_LETS_ENCRYPT", values.yes)
    challenges = Challenges() if skip_acme else by_dns(source, DnsGiven(environment, env_file, dns_file))
    names = naming(source, challenges, skip_acme=skip_acme)
    private, move_account_key = private_volume(source, is_mounted=private_volume_exists)
    ca = _ca(source)
    settings = Settings(
        naming=names,
        challenges=challenges,
        ca=ca,
        fallback_ca=fallback_ca(source, ca),
        rehearsal_ca=rehearsal_ca(source, ca),
        database=database(source),
        checks=_checks(source),
        http01=Http01(
            mode=source.get("HTTP01_MODE", values.choice(Http01Mode)),
            webroot=source.get("WEBROOT", values.path),
            port=source.get("HTTP01_PORT", values.port),
        ),
        deployment=deployment(source, names.hostname, docker_socket_exists=docker_socket_exists),
        redis=redis(source),
        volume=source.get("VOLUME", values.path),
        private_volume=private,
        move_account_key=move_account_key,
        allow_ephemeral_volume=source.get("ALLOW_EPHEMERAL_VOLUME", values.yes),
        example_volume=source.get("EXAMPLE_VOLUME", values.path),
        skip_acme=skip_acme,
        time_zone=_time_zone(source),
    )
    if source.complaints:
        # A misspelt key may be why something is missing.
        raise SettingsWrong([*source.complaints, *source.misspelt])
    return replace(settings, warnings=(*source.warnings, *source.misspelt))


def volume(environment: Mapping[str, str], env_file: EnvFile | None) -> str:
    """The volume alone, whatever is wrong with the other settings; its default when it is wrong itself."""
    return Source(environment, env_file).get("VOLUME", values.path)


def dns_conf(environment: Mapping[str, str], env_file: EnvFile | None) -> tuple[str, bool]:
    """Where the credentials of DNS providers are, and whether that is set or the default; whatever else is wrong."""
    source = Source(environment, env_file)
    return source.get("ACME_DNS_CONF", values.path), source.is_set("ACME_DNS_CONF")


def _ca(source: Source) -> Ca:
    return Ca(
        directory_url=_directory_url(source),
        contact=source.get("ACME_ACCOUNT_EMAIL", values.contact),
        profile=source.get("ACME_PROFILE", values.optional(certificates.profile)),
        ca_bundle=source.get("CA_BUNDLE", values.optional(values.path)),
        key_type=source.get("ACME_KEY_TYPE", values.choice(KeyType)),
        account_key_type=source.get("ACME_ACCOUNT_KEY_TYPE", values.optional(values.choice(KeyType))),
        external_account=external_account(source),
        preferred_chain=source.get("ACME_PREFERRED_CHAIN", values.optional(certificates.preferred_chain))
        or "",
        orders_at_once=source.get("ORDERS_AT_ONCE", values.whole(1, 50)),
        timeout=source.get("ISSUE_TIMEOUT", values.seconds(1, 86400)),
    )


def _directory_url(source: Source) -> str:
    # RFC 8555 section 6.1: ACME is spoken over HTTPS only.
    given = source.get("DIRECTORY_URL", values.optional(values.url("https")))
    if not source.get("LE_STAGING", values.yes):
        return given or LETS_ENCRYPT
    if given not in {None, LETS_ENCRYPT_STAGING}:
        source.warn("DIRECTORY_URL", "has no effect, as LE_STAGING is yes: Let's Encrypt's staging is used")
    return LETS_ENCRYPT_STAGING


def _checks(source: Source) -> Checks:
    return Checks(
        skip_ip=source.get("SKIP_IP_CHECK", values.yes),
        skip_http=source.get("SKIP_HTTP_VERIFICATION", values.yes),
        accept_other_ipv4=source.get("SNAT_TO_SOURCE", values.anything_but_no),
        accept_other_ipv6=source.get("SNAT6_TO_SOURCE", values.anything_but_no),
        public_ipv4=source.get("PUBLIC_IPV4", values.optional(values.ipv4)),
        public_ipv6=source.get("PUBLIC_IPV6", values.optional(values.ipv6)),
        public_ip_services=source.get("PUBLIC_IP_SERVICES", values.listed(values.url("https", "http"))),
        ipv6=source.get("ENABLE_IPV6", values.yes),
        resolvers=source.get("RESOLVERS", values.listed(values.resolver)),
        timeout=source.get("CHECK_TIMEOUT", values.seconds(0.1, 300)),
        http_port=source.get("CHECK_HTTP_PORT", values.port),
        dns_port=source.get("CHECK_DNS_PORT", values.port),
    )


def _time_zone(source: Source) -> str:
    zone = source.get("TZ", str)
    if not zone:
        return ""
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        # KeyError: unknown. ValueError: a path, or not a zone file. OSError: a directory such as Europe.
        source.warn("TZ", f"{quoted(zone)} is not a known time zone; the log uses UTC")
        return ""
