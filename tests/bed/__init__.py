"""Real parts that tests and the demo run on: a CA, a DNS server, a mail stack. Each is a context manager."""
