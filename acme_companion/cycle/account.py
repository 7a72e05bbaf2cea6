"""The key of our account at a CA; a change of it that was interrupted is settled first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.problems import Refused

if TYPE_CHECKING:
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import World


async def account_key(ca: Ca, world: World) -> bytes:
    """The account key (PEM) that `ca` knows, made on first use. Raises `Damaged`, `NotYet`, `Refused`."""
    directory_url = ca.directory_url
    following = world.store.next_account_key(directory_url)
    if following is None:
        return world.store.account_key(directory_url)
    present = world.store.account_key(directory_url)
    if await world.has_account(ca, following):
        world.store.end_account_key_change(directory_url, changed=True)
        world.log.info(f"the account key for {directory_url} was changed: the CA knows the new one")
        return following
    if await _is_let_in(ca, world, present):
        world.store.end_account_key_change(directory_url, changed=False)
        world.log.info(
            f"a change of the account key for {directory_url} did not take place: the CA knows the old one"
        )
    return present


async def _is_let_in(ca: Ca, world: World, key: bytes) -> bool:
    try:
        return await world.has_account(ca, key)
    except Refused:
        return False  # an account that was given up, or blocked: the sign-in says so, and stops it
