"""No secret in any output; every test of this folder looks for them, and this one makes every command speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bed.process import LOOPBACK, free_port
from tests.bed.redis_server import RedisServer
from tests.cycle.stack import DB_PASSWORD, EAB_KEY, REDIS_PASSWORD

if TYPE_CHECKING:
    from tests.cycle.stack import Stack

COMMANDS = (
    ("once", "--force", "--json"),
    ("check",),
    ("plan",),
    ("status",),
    ("expiry-dates", "--host", LOOPBACK),
    ("caa",),
    ("account", "show"),
    ("account", "rotate-key", "--json"),
    ("revoke", "no.such.example", "--json"),
    ("health",),
)


async def test_no_command_tells_a_secret(stack: Stack):
    """Not of the database, of Redis, of the account, nor of the certificates, however much goes wrong and is told."""
    await (
        stack.cycle()
    )  # who has no certificate yet waits a minute for a database that may be starting as well
    stack.environment |= {
        "DBNAME": "mailcow",
        "DBUSER": "mailcow",
        "DBPASS": DB_PASSWORD,
        "DBSOCKET": "/nowhere/mysqld.sock",
        "REDISPASS": REDIS_PASSWORD,
        "ACME_EAB_KID": "kid",
        "ACME_EAB_HMAC_KEY": EAB_KEY,
    }
    with RedisServer(REDIS_PASSWORD) as redis, redis.client() as client:
        right = {"REDIS_HOST": f"{LOOPBACK}:{redis.port}"}
        code, output = await stack.command("--verbose", "once", **right)
        assert code == 0, output
        told = client.lrange("ACME_LOG", 0, -1)
        assert any(b"mail." in line for line in told)
        stack.said += [line.decode() for line in told]
        wrong = {"REDISPASS": f"{REDIS_PASSWORD}-and-more", "REDIS_HOST": right["REDIS_HOST"]}
        await stack.command("--verbose", "plan", **wrong)
        await stack.command("--verbose", "once", **wrong)
    nobody = {"REDIS_HOST": f"{LOOPBACK}:{free_port()}", "DBHOST": f"{LOOPBACK}:{free_port()}"}
    for arguments in COMMANDS:
        code, output = await stack.command("--verbose", *arguments, **nobody)
        assert (code in {0, 1}, bool(output)) == (True, True)
    assert stack.leaked() == []
    (stack.volume / "acme/account.pem").write_bytes((stack.volume / "acme/key.pem").read_bytes())
    code, output = await stack.command("--verbose", "once", "--force", **nobody)
    assert (code, "hold the same key" in output) == (1, True)
    assert stack.leaked() == []
