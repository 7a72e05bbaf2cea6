"""The settings about accounts: the binding to an account at a CA's own site, and where account keys lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.settings import ExternalAccount, values

if TYPE_CHECKING:
    from acme_companion.decide.settings.source import Source

PRIVATE_VOLUME = "/var/lib/acme-private"


def external_account(source: Source) -> ExternalAccount | None:
    """The account at the CA's own site; a complaint when only a half of it is set."""
    return _bound_to(source, "ACME_EAB_KID", "ACME_EAB_HMAC_KEY")


def fallback_external_account(source: Source) -> ExternalAccount | None:
    """The same for the second CA."""
    return _bound_to(source, "ACME_FALLBACK_EAB_KID", "ACME_FALLBACK_EAB_HMAC_KEY")


def _bound_to(source: Source, name_of_id: str, name_of_key: str) -> ExternalAccount | None:
    key_id = source.get(name_of_id, values.optional(values.key_id))
    hmac_key = source.get(name_of_key, values.optional(values.mac_key))
    for given, missing in ((name_of_id, name_of_key), (name_of_key, name_of_id)):
        if source.is_set(given) and not source.is_set(missing):
            source.complain(given, f"is set, but {missing} is not: set both, or neither")
    return ExternalAccount(key_id, hmac_key) if key_id and hmac_key else None


def private_volume(source: Source, *, is_mounted: bool) -> tuple[str, bool]:
    """Where secrets lie, empty for the shared volume; and whether account keys in the shared one shall move there.

    `is_mounted`: whether there is a directory `PRIVATE_VOLUME`, which decides what an empty setting means.
    """
    chosen = source.get("PRIVATE_VOLUME", values.optional(values.path))
    move = source.get("MOVE_ACCOUNT_KEY", values.yes)
    found = chosen or (PRIVATE_VOLUME if is_mounted else "")
    if f"{found}/".startswith(f"{source.text('VOLUME').rstrip('/')}/"):
        source.complain("PRIVATE_VOLUME", "is in VOLUME, which siblings see: mount another volume elsewhere")
    if move and not found:
        source.warn(
            "MOVE_ACCOUNT_KEY",
            f"has no effect without a private volume: mount one at {PRIVATE_VOLUME}, or set PRIVATE_VOLUME",
        )
    return found, move and bool(found)
