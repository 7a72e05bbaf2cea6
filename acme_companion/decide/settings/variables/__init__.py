"""Every setting, with default and reason: what is read, what is knowingly not, and what a misspelt one may mean."""

from __future__ import annotations

import difflib

from acme_companion.decide.settings.variables.issuing import CA, CHALLENGES, CHECKS
from acme_companion.decide.settings.variables.names import FIRST, NAMES
from acme_companion.decide.settings.variables.stack import DATABASE, FILES, PORTS, REDIS, SIBLINGS
from acme_companion.decide.settings.variables.variable import Theme, Variable

__all__ = ["IGNORED", "PORTS", "SETTINGS", "THEMES", "Theme", "Variable", "nearest"]

THEMES = (FIRST, NAMES, CA, CHALLENGES, CHECKS, SIBLINGS, DATABASE, REDIS, FILES, PORTS)
SETTINGS: tuple[Variable, ...] = tuple(variable for theme in THEMES for variable in theme.variables)

IGNORED: dict[str, str] = {
    "ACME_CONTACT": "the address for the CA stands in ACME_ACCOUNT_EMAIL",
    "DBROOT": "the database is read as DBUSER, never as its administrator",
    "HTTP_BIND": "we check what the outside sees, not what the web server binds to",
    "HTTPS_BIND": "we check what the outside sees, not what the web server binds to",
    "HTTP_REDIRECT": "only the web server needs to know",
    "ADDITIONAL_SERVER_NAMES": "names for nginx; a name for the certificate stands in ADDITIONAL_SAN",
    "DOVEADM_PORT": "doveadm shows no certificate of ours",
    "SQL_PORT": "the database is reached inside the stack: DBHOST or DBSOCKET",
    "REDIS_PORT": "Redis is reached inside the stack: REDIS_HOST",
    "SYSCTL_IPV6_DISABLED": "an old form of ENABLE_IPV6",
}
"""mailcow's variables that look as if they concerned us, with the reason why they are not read."""

_KNOWN = {variable.name for variable in SETTINGS}
_CLOSE = 0.85
"""The share of letters in common that makes a misspelling; mailcow's own other variables stay below it."""


def nearest(key: str) -> str | None:
    """The setting that `key` is a misspelling of, or None: it is one, or it is none of our business."""
    if key in _KNOWN or key in IGNORED:
        return None
    if f"ACME_{key.upper()}" in _KNOWN:
        return f"ACME_{key.upper()}"
    found = difflib.get_close_matches(key.upper(), _KNOWN, n=1, cutoff=_CLOSE)
    return found[0] if found else None
