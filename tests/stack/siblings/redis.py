"""Redis, where mailcow's web interface reads the log."""

from __future__ import annotations

import os

from .volume import become

become(
    "redis-server",
    "--bind",
    "*",
    "--protected-mode",
    "no",
    "--save",
    "",
    "--requirepass",
    os.environ["REDISPASS"],
)
