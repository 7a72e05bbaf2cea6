"""What the companion costs beside what its job must cost at least: `python -m benchmarks`.

It measures the package from outside and shares no code with it; the CA and the DNS server are those of `tests/bed`.
"""
