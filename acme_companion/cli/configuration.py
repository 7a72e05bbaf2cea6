"""The settings of this process: its environment and the env file."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.decide.dns_providers import CREDENTIALS
from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings.accounts import PRIVATE_VOLUME
from acme_companion.decide.settings.dns_file import DnsFile, parse_dns_file
from acme_companion.decide.settings.env_file import MOST_BYTES, MOST_LINE_CHARACTERS, EnvFile, parse_bytes
from acme_companion.decide.settings.read import dns_conf, read, volume
from acme_companion.decide.settings.variables import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.decide.settings import Settings

ENV_FILES = ("/etc/acme-companion/mail.conf", "mail.conf")
DOCKER_SOCKET = Path("/var/run/docker.sock")


def load_settings(env_file: str | None) -> Settings:
    """The settings of the environment and the env file; raises `SettingsWrong`."""
    environment = _with_secret_files(os.environ)  # noqa: TID251 - the door
    file = _env_file(env_file)
    settings = read(
        environment,
        file,
        _dns_file(*dns_conf(environment, file)),
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
    secrets = [*(one.name for one in SETTINGS if one.secret), *sorted(CREDENTIALS)]
    names = [name for name in secrets if environment.get(f"{name}_FILE")]
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
    except ssl.SSLError:
        raise SettingsWrong([f"CA_BUNDLE: {path} holds no certificates in PEM"]) from None
    except OSError as problem:
        raise SettingsWrong([f"CA_BUNDLE: {path} cannot be read: {problem.strerror}"]) from None


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


def _dns_file(path: str, is_set: bool) -> DnsFile | None:
    """The file with the credentials of DNS providers; one that cannot be read says so when it turns out to be needed."""
    name = Path(path).name
    try:
        with Path(path).open("rb") as file:
            data, mode = file.read(MOST_BYTES + 1), os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        return (
            DnsFile(path, unread=f"ACME_DNS_CONF: {path} is not there: make it, or mount it")
            if is_set
            else None
        )
    except IsADirectoryError:
        return DnsFile(
            path,
            unread=f"{path} is a directory: Docker makes one where a mounted file is missing. Remove it and make the file",
        )
    except OSError as problem:
        return DnsFile(path, unread=f"{path} cannot be read: {problem.strerror}")
    return replace(parse_dns_file(data, name), exposed=bool(mode & stat.S_IROTH))


def _exposed(file: EnvFile) -> list[str]:
    """The warning that everybody can read what should be secret."""
    secrets = {one.name for one in SETTINGS if one.secret} | CREDENTIALS - {one.name for one in SETTINGS}
    there = [entry.key for entry in file.entries if entry.key in secrets and entry.value]
    if not there:
        return []
    return [
        f"{file.file}: holds {' and '.join(there)}, and every user of the host can read it: chmod o-r {file.file} there"
    ]
