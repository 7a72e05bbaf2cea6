"""Keeps the TLS certificates of a mail stack right."""

__version__ = "0.1.0"
USER_AGENT = f"acme-companion/{__version__}"
"""Who asks: RFC 8555 section 6.1 wants it of every request to a CA."""
