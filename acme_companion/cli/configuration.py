"""The settings of this process: its environment and the env file."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.decide.settings.env_file import EnvFile, parse_bytes
from acme_companion.decide.settings.read import read
from acme_companion.problems import SettingsWrong

if TYPE_CHECKING:
    from acme_companion.decide.settings import Settings

ENV_FILES = ("/etc/acme-companion/mail.conf", "mail.conf")
DOCKER_SOCKET = Path("/var/run/docker.sock")


def load_settings(env_file: str | None) -> Settings:
    """The settings of the environment and the env file; raises `SettingsWrong`."""
    settings = read(os.environ, _env_file(env_file), docker_socket_exists=DOCKER_SOCKET.exists())  # noqa: TID251 - the door
    if settings.ca.ca_bundle:
        _check_bundle(settings.ca.ca_bundle)
    return settings


def _check_bundle(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as problem:
        raise SettingsWrong([f"CA_BUNDLE: {path} cannot be used: {problem}"]) from None


def _env_file(path: str | None) -> EnvFile | None:
    chosen = path or next((one for one in ENV_FILES if Path(one).exists()), None)
    if chosen is None:
        return None
    try:
        return parse_bytes(Path(chosen).read_bytes(), Path(chosen).name)
    except IsADirectoryError:
        raise SettingsWrong(
            [
                f"{chosen} is a directory: Docker makes one where a mounted file is missing. Remove it and make the file"
            ]
        ) from None
    except OSError as problem:
        raise SettingsWrong([f"{chosen} cannot be read: {problem.strerror}"]) from None
