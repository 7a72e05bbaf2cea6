"""The settings about the stack around us: published ports, Docker, Redis, the database."""

import pytest

from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings import Database, HostPort, Redis, Secret, Settings
from acme_companion.decide.settings.read import read

HOST = "mail.example.org"


def settings(**environment: str) -> Settings:
    return read({"MAILCOW_HOSTNAME": HOST, **environment})


@pytest.mark.parametrize(
    ("text", "port"),
    [
        pytest.param("2525", HostPort(HOST, 2525), id="published everywhere: looked at by its name"),
        pytest.param("0.0.0.0:2525", HostPort(HOST, 2525), id="everywhere over IPv4"),
        pytest.param("[::]:2525", HostPort(HOST, 2525), id="everywhere over IPv6"),
        pytest.param("127.0.0.1:2525", HostPort("127.0.0.1", 2525), id="one address"),
        pytest.param("[::1]:2525", HostPort("::1", 2525), id="one IPv6 address"),
    ],
)
def test_published_port(text: str, port: HostPort) -> None:
    """A published port is a port, or ip:port."""
    assert settings(SMTP_PORT=text).deployment.ports["SMTP_PORT"] == port


def test_https_port() -> None:
    """The port that nginx itself listens on is the published one, whatever the address."""
    assert settings(HTTPS_PORT="127.0.0.1:8443").deployment.https_port == 8443


@pytest.mark.parametrize(
    ("text", "socket_exists", "reached"),
    [
        ("", True, "unix:///var/run/docker.sock"),
        ("", False, "https://dockerapi"),
        ("none", True, "none"),
        ("unix:///run/user/1/docker.sock", False, "unix:///run/user/1/docker.sock"),
        ("tcp://socket-proxy:2375", True, "tcp://socket-proxy:2375"),
        ("https://dockerapi/", True, "https://dockerapi"),
    ],
)
def test_docker_host(text: str, socket_exists: bool, reached: str) -> None:
    """Without a word about Docker the socket is used if it is there, else mailcow's gateway."""
    known = read({"MAILCOW_HOSTNAME": HOST, "DOCKER_HOST": text}, docker_socket_exists=socket_exists)

    assert known.deployment.docker_host == reached


@pytest.mark.parametrize(
    ("reloader", "docker_host", "socket_exists", "reached"),
    [
        pytest.param("auto", "", False, "https://dockerapi", id="auto is what is there"),
        pytest.param("auto", "none", True, "none", id="auto is what DOCKER_HOST says"),
        pytest.param("docker", "", False, "unix:///var/run/docker.sock", id="Docker means its socket"),
        pytest.param(
            "docker", "tcp://proxy:2375", False, "tcp://proxy:2375", id="or the proxy that is named"
        ),
        pytest.param(
            "dockerapi", "", True, "https://dockerapi", id="the gateway, although there is a socket"
        ),
        pytest.param("DockerAPI", "https://gate:8443", True, "https://gate:8443", id="the gateway elsewhere"),
        pytest.param("none", "tcp://proxy:2375", True, "none", id="none is none, wherever Docker is"),
    ],
)
def test_reloader(reloader: str, docker_host: str, socket_exists: bool, reached: str) -> None:
    """RELOADER says what is there, DOCKER_HOST says where."""
    environment = {"MAILCOW_HOSTNAME": HOST, "RELOADER": reloader, "DOCKER_HOST": docker_host}
    known = read(environment, docker_socket_exists=socket_exists)

    assert known.deployment.docker_host == reached
    ignored = reloader == "none" and docker_host
    assert known.warnings == (
        ("environment: DOCKER_HOST: has no effect, as RELOADER is none: no container is touched",)
        if ignored
        else ()
    )


@pytest.mark.parametrize(
    ("reloader", "docker_host", "says"),
    [
        (
            "docker",
            "https://dockerapi",
            "docker is reached by unix:// or tcp://, but DOCKER_HOST is 'https://dockerapi': change one of them, or leave "
            "DOCKER_HOST empty for unix:///var/run/docker.sock",
        ),
        (
            "dockerapi",
            "none",
            "dockerapi is reached by https://, but DOCKER_HOST is 'none': change one of them, or leave DOCKER_HOST empty for "
            "https://dockerapi",
        ),
        ("swarm", "", "'swarm' is not one of auto, docker, dockerapi, none"),
    ],
)
def test_a_reloader_elsewhere(reloader: str, docker_host: str, says: str) -> None:
    """What contradicts itself is not guessed at."""
    with pytest.raises(SettingsWrong) as complaints:
        settings(RELOADER=reloader, DOCKER_HOST=docker_host)

    assert complaints.value.complaints == (f"environment: RELOADER: {says}",)


@pytest.mark.parametrize(
    ("environment", "redis"),
    [
        ({}, None),
        ({"LOG_LINES": "5"}, None),
        ({"REDISPASS": "x"}, Redis(HostPort("redis", 6379), Secret("x"))),
        ({"REDIS_HOST": "cache:6380"}, Redis(HostPort("cache", 6380), Secret(""))),
        ({"REDIS_HOST": "2001:db8::1"}, Redis(HostPort("2001:db8::1", 6379), Secret(""))),
        (
            {
                "REDISPASS": "x",
                "REDIS_HOST": "cache",
                "REDIS_SLAVEOF_IP": "192.0.2.9",
                "REDIS_SLAVEOF_PORT": "1",
            },
            Redis(HostPort("192.0.2.9", 1), Secret("x")),
        ),
    ],
)
def test_redis(environment: dict[str, str], redis: Redis | None) -> None:
    """Redis is used once its password or host is known; a master wins, as with mailcow."""
    assert settings(**environment).redis == redis


@pytest.mark.parametrize(
    ("text", "host"),
    [("", None), ("mysql", HostPort("mysql", 3306)), ("db_1:3307", HostPort("db_1", 3307))],
)
def test_database_host(text: str, host: HostPort | None) -> None:
    """No host means the socket."""
    assert settings(DBNAME="m", DBUSER="u", DBHOST=text).database == Database("m", "u", Secret(""), host)
