"""TXT records at DNS providers, changed through whatever interface each of them has."""
