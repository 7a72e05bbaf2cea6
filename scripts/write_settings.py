#!/usr/bin/env python3
"""Write mail.conf.example and docs/settings.md from the table of settings, and docs/dns-01.md's table of DNS providers."""

from pathlib import Path

from acme_companion.decide.dns_providers.documents import with_table
from acme_companion.decide.settings.documents import example_file, reference_page

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    (ROOT / "mail.conf.example").write_text(example_file())
    (ROOT / "docs" / "settings.md").write_text(reference_page())
    page = ROOT / "docs" / "dns-01.md"
    page.write_text(with_table(page.read_text()))
