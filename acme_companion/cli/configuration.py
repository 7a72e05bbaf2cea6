"""The settings of this process: its environment and the env file."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.decide.settings.accounts import PRIVATE_VOLUME
from acme_companion.decide.settings.env_file import MOST_BYTES, MOST_LINE_CHARACTERS, EnvFile, parse_bytes
from acme_companion.decide.settings.read import read, volume
from acme_companion.decide.settings.variables import SETTINGS
from acme_companion.problems import SettingsWrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.decide.settings import Settings

ENV_FILES = ("/etc/acme-companion/mail.conf", "mail.conf")
DOCKER_SOCKET = Path("/var/run/docker.sock")


def load_settings(env_file: str | None) -> Settings:
    """The settings of the environment and the env file; raises `SettingsWrong`."""
    settings = read(
        _with_secret_files(os.environ),  # noqa: TID251 - the door
        _env_file(env_file),
        docker_socket_exists=DOCKER_SOCKET.exists(),
        private_volume_exists=Path(PRIVATE_VOLUME).is_dir(),
    )
    if settings.ca.ca_bundle:
        _check_bundle(settings.ca.ca_bundle)
    return settings


def load_volume(env_file: str | None) -> str:
    """Where the volume is, whatever is wrong with the other settings, or with the file. Never raises."""
    try:
        file = _env_file(env_file)
    except SettingsWrong:
        file = None
    return volume(os.environ, file)  # noqa: TID251 - the door


def _with_secret_files(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the content of the file that `<secret>_FILE` names (a Docker secret) as that secret."""
    names = [one.name for one in SETTINGS if one.secret and environment.get(f"{one.name}_FILE")]
    return {**environment, **{name: _secret(name, environment) for name in names}}


def _secret(name: str, environment: Mapping[str, str]) -> str:
    path = environment[f"{name}_FILE"]
    if environment.get(name):
        raise SettingsWrong([f"environment: {name} and {name}_FILE are both set: set one of them"])
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_LINE_CHARACTERS + 1).decode().removesuffix("\n").removesuffix("\r")
    except OSError as problem:
        raise SettingsWrong(
            [f"environment: {name}_FILE: {path} cannot be read: {problem.strerror}"]
        ) from None
    except UnicodeDecodeError:
        raise SettingsWrong([f"environment: {name}_FILE: {path} is not UTF-8"]) from None


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
        with Path(chosen).open("rb") as file:
            data, mode = file.read(MOST_BYTES + 1), os.fstat(file.fileno()).st_mode
    except IsADirectoryError:
        raise SettingsWrong(
            [
                f"{chosen} is a directory: Docker makes one where a mounted file is missing. Remove it and make the file"
            ]
        ) from None
    except OSError as problem:
        raise SettingsWrong([f"{chosen} cannot be read: {problem.strerror}"]) from None
    parsed = parse_bytes(data, Path(chosen).name)
    return replace(parsed, warnings=(*parsed.warnings, *_exposed(parsed))) if mode & stat.S_IROTH else parsed


def _exposed(file: EnvFile) -> list[str]:
    """The warning that everybody can read what should be secret."""
    secrets = {variable.name for variable in SETTINGS if variable.secret}
    there = [entry.key for entry in file.entries if entry.key in secrets and entry.value]
    if not there:
        return []
    return [
        f"{file.file}: holds {' and '.join(there)}, and every user of the host can read it: chmod o-r {file.file} there"
    ]
