"""What holds for every test."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Whoever ends a run gets what Ctrl-C gives: servers and containers are taken away first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
