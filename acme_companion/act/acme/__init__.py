"""Certificates by ACME (RFC 8555)."""
