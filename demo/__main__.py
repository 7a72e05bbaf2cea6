"""`python -m demo`: 0 and `demo ok: …` when everything that was promised was seen, else 1 and `demo failed: …`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """Play it, and say how it ended."""
    try:
        # Imported here, so that Ctrl-C within the first second shows no traceback either.
        from demo.ending import run  # noqa: PLC0415

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
