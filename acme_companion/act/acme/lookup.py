"""Which account a key has at a CA, without registering one (RFC 8555 section 7.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.acme.open_account import NoAccount, open_account

if TYPE_CHECKING:
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock


async def look_up(ca: Ca, clock: Clock, account_key: bytes) -> Authority:
    """The account of `account_key` (PEM) at `ca`, and what the CA says about itself.

    Raises `Refused` when the CA knows no such account, `Damaged` for a key that is none, `NotYet`.
    """
    async with open_account(ca, clock, account_key) as account:
        return account.authority


async def has_account(ca: Ca, clock: Clock, account_key: bytes) -> bool:
    """Whether `ca` knows an account with this key; raises as `look_up`."""
    try:
        await look_up(ca, clock, account_key)
    except NoAccount:
        return False
    return True
