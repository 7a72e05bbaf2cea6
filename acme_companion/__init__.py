"""Keeps the TLS certificates of a mail stack right."""

__version__ = "0.1.0"
