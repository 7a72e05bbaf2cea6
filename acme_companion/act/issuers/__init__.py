"""Certificates that need no CA."""
