"""The interfaces that dns-lexicon speaks: acme.sh's name and variables, and lexicon's name and options for the same."""

from __future__ import annotations

from acme_companion.decide.dns_providers.provider import Interface, Provider, Way, by


def _lexicon(
    name: str,
    title: str,
    library: str,
    *ways: Way,
    unused: tuple[str, ...] = (),
    ttl: int = 600,
    remark: str = "",
    **options: str,
) -> Provider:
    optional = tuple(text.strip("{}") for text in options.values() if "{" in text)
    return Provider(name, title, Interface.LEXICON, ways, optional, library, options, unused, ttl, remark)


BY_LEXICON = (
    _lexicon(
        "dns_cf",
        "Cloudflare",
        "cloudflare",
        by(auth_token="{CF_Token}"),
        by(auth_username="{CF_Email}", auth_token="{CF_Key}"),
        zone_id="{CF_Zone_ID}",
        unused=("CF_Account_ID",),
    ),
)
