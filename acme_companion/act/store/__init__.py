"""The shared volume: pairs, generations, intent, lock, memory."""

from acme_companion.act.store.volume import Volume

__all__ = ["Volume"]
