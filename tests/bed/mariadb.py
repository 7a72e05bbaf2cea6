"""A real MariaDB on a temporary folder, with its own socket and loopback port, and mailcow's tables."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pymysql

from .process import LOOPBACK, Process, StartFailedError, free_port

if TYPE_CHECKING:
    from types import TracebackType

START_LIMIT = 60.0  # seconds; making the system tables takes five on an idle machine
TABLES = (
    "CREATE TABLE domain (domain VARCHAR(255) NOT NULL, backupmx TINYINT(1) NOT NULL DEFAULT 0,"
    " active TINYINT(1) NOT NULL DEFAULT 1, PRIMARY KEY (domain))",
    "CREATE TABLE alias_domain (alias_domain VARCHAR(255) NOT NULL, target_domain VARCHAR(255) NOT NULL,"
    " active TINYINT(1) NOT NULL DEFAULT 1, PRIMARY KEY (alias_domain))",
    "CREATE TABLE mta_sts (id VARCHAR(255) NOT NULL, domain VARCHAR(255) NOT NULL,"
    " active TINYINT(1) NOT NULL DEFAULT 1, PRIMARY KEY (id))",
)


class MariaDb:
    """A server of our own; `root` over the socket needs no password."""

    def __init__(self) -> None:
        self.folder = Path()
        self.port = 0
        self._process: Process | None = None

    @property
    def socket(self) -> str:
        return str(self.folder / "socket")

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
        try:
            self._install()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End this server and forget it."""
        if self._process:
            self._process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements as root."""
        connection: Any = pymysql.connect(
            unix_socket=self.socket, user="root", database=database, charset="utf8mb4", autocommit=True
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _install(self) -> None:
        command = ["mariadb-install-db", *self._options(), "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StartFailedError(f"mariadb-install-db: {done.stdout}{done.stderr}")

    def _start(self) -> None:
        self.port = free_port()
        server = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        command = [server, *self._options(), f"--socket={self.socket}", f"--bind-address={LOOPBACK}"]
        command += [f"--port={self.port}", f"--pid-file={self.folder}/pid", "--skip-name-resolve"]
        command += ["--innodb-buffer-pool-size=16M", "--innodb-flush-method=nosync", "--skip-log-bin"]
        self._process = Process(command, self.folder / "log")
        self._process.wait_until(self._answers, f"answers at {self.socket}", START_LIMIT)

    def _options(self) -> list[str]:
        return ["--no-defaults", f"--datadir={self.folder}/data", f"--user={getpass.getuser()}"]

    def _answers(self) -> bool:
        if not Path(self.socket).exists():
            return False  # PyMySQL forgets to close a socket that found nobody
        try:
            self.run("SELECT 1")
        except pymysql.Error:
            return False
        return True
