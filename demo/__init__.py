"""The main job end to end on loopback: `make demo`, or `python -m demo` in a checkout that has its test tools."""
