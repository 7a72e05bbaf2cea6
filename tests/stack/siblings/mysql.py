"""The database, with those of mailcow's tables that name mail domains."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .volume import become

SOCKETS = Path("/run/mysqld")
STATEMENTS = """\
CREATE DATABASE IF NOT EXISTS `{name}`;
CREATE USER IF NOT EXISTS '{user}'@'localhost' IDENTIFIED BY '{password}';
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL ON `{name}`.* TO '{user}'@'localhost';
GRANT ALL ON `{name}`.* TO '{user}'@'%';
CREATE TABLE IF NOT EXISTS `{name}`.domain (domain VARCHAR(255) PRIMARY KEY,
    backupmx TINYINT(1) NOT NULL DEFAULT 0, active TINYINT(1) NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS `{name}`.alias_domain (alias_domain VARCHAR(255) PRIMARY KEY,
    target_domain VARCHAR(255) NOT NULL, active TINYINT(1) NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS `{name}`.mta_sts (domain VARCHAR(255) PRIMARY KEY,
    active TINYINT(1) NOT NULL DEFAULT 1);
"""


def main() -> None:
    """Write what the server shall run on its start, then become it."""
    values = {"name": os.environ["DBNAME"], "user": os.environ["DBUSER"], "password": os.environ["DBPASS"]}
    first = Path("/etc/mysql/first.sql")
    # The server reads one statement per line.
    text = STATEMENTS.format(**values).replace("\n    ", " ")
    first.write_text(text, encoding="utf-8")
    shutil.chown(SOCKETS, "mysql", "mysql")  # a fresh shared volume belongs to root
    become("mariadbd", "--user=mysql", f"--init-file={first}", "--bind-address=*", "--skip-log-bin")


main()
