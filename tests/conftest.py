"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# How long an example takes tells how busy the machine is, and nothing about the rule.
settings.register_profile(
    "any machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Whoever ends a run gets what Ctrl-C gives: servers and containers are taken away first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
