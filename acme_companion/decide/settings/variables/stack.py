"""The settings about the stack around us: siblings, database, Redis, files."""

from __future__ import annotations

from acme_companion.decide.settings.variables.variable import Theme, Variable

SIBLINGS = Theme(
    "Siblings: the containers that use the certificates",
    (
        Variable(
            "COMPOSE_PROJECT_NAME",
            "mailcowdockerized",
            "The Compose project whose containers are ours to restart.",
            "as mailcow",
        ),
        Variable(
            "RELOADER",
            "auto",
            "How containers are reloaded and restarted: docker (the Docker Engine API, also through a socket proxy), dockerapi (mailcow's "
            "own gateway), none (no container is touched), or auto (as DOCKER_HOST says).",
            "a socket or a socket proxy is used where there is one, and mailcow's gateway otherwise",
        ),
        Variable(
            "DOCKER_HOST",
            "",
            "Where that is: unix:///path, tcp://host:port (a socket proxy), https://host (mailcow's gateway); none is RELOADER=none.",
            "empty is /var/run/docker.sock if it is there, else https://dockerapi; with RELOADER=docker always the one, with "
            "RELOADER=dockerapi the other",
        ),
        Variable(
            "VERIFY_TIMEOUT",
            "120",
            "Seconds until every sibling must serve a new certificate, before the old one is put back; 1 to 3600.",
            "Dovecot and Postfix may take a minute to restart",
        ),
    ),
)

DATABASE = Theme(
    "Database: where mailcow keeps its mail domains",
    (
        Variable(
            "DBNAME",
            "",
            "The name of mailcow's database; set DBUSER with it. Neither: no database is read.",
            "none, as only mailcow has it",
        ),
        Variable("DBUSER", "", "The user for it.", "none, as only mailcow has it"),
        Variable("DBPASS", "", "The password for it.", "none, as passwords have none", secret=True),
        Variable(
            "DBHOST",
            "",
            "The server as host or host:port.",
            "empty is the UNIX socket DBSOCKET, as with mailcow",
        ),
        Variable("DBSOCKET", "/var/run/mysqld/mysqld.sock", "The UNIX socket.", "where mailcow mounts it"),
    ),
)

REDIS = Theme(
    "Redis: the log in mailcow's web interface",
    (
        Variable(
            "REDISPASS",
            "",
            "The password of mailcow's Redis. With neither this nor REDIS_HOST no Redis is used.",
            "none, as passwords have none",
            secret=True,
        ),
        Variable(
            "REDIS_HOST",
            "",
            "The server as host or host:port.",
            "empty is redis:6379 once REDISPASS is set, as with mailcow",
        ),
        Variable(
            "REDIS_SLAVEOF_IP",
            "",
            "The master, if the stack's Redis is a replica; wins over REDIS_HOST.",
            "none, as most stacks have one Redis",
        ),
        Variable("REDIS_SLAVEOF_PORT", "6379", "The master's port.", "Redis's own default"),
        Variable("LOG_LINES", "9999", "How many lines are kept there; 1 to 1000000.", "as mailcow"),
    ),
)

FILES = Theme(
    "Files and the log",
    (
        Variable(
            "VOLUME",
            "/var/lib/acme",
            "The shared volume with the certificates.",
            "where mailcow mounts it",
        ),
        Variable(
            "PRIVATE_VOLUME",
            "",
            "A volume that no sibling sees, for secrets that siblings need not have: new account keys are made there.",
            "empty is /var/lib/acme-private if something is mounted there, else such keys lie in VOLUME, as with mailcow",
        ),
        Variable(
            "MOVE_ACCOUNT_KEY",
            "n",
            "Move account keys that lie in VOLUME to PRIVATE_VOLUME, once and for good.",
            "mailcow's own container and its generate_caa_record.py look for acme/account.pem in VOLUME",
        ),
        Variable(
            "ALLOW_EPHEMERAL_VOLUME",
            "n",
            "Order from Let's Encrypt although VOLUME is lost with the container.",
            "a container that is made anew every day would use up the limit of five certificates a week",
        ),
        Variable(
            "EXAMPLE_VOLUME",
            "/var/lib/ssl-example",
            "mailcow's example pair and dhparams.pem; may be absent.",
            "where mailcow mounts it",
        ),
        Variable("TZ", "", "The time zone of the log, such as Europe/Berlin.", "empty is UTC"),
    ),
)

PORTS = Theme(
    "Published ports, as port or ip:port",
    tuple(
        Variable(name, port, f"Where {what} is published.", "as mailcow")
        for name, port, what in (
            ("HTTP_PORT", "80", "HTTP"),
            ("HTTPS_PORT", "443", "HTTPS"),
            ("SMTP_PORT", "25", "SMTP"),
            ("SMTPS_PORT", "465", "submission with implicit TLS"),
            ("SUBMISSION_PORT", "587", "submission with STARTTLS"),
            ("IMAP_PORT", "143", "IMAP with STARTTLS"),
            ("IMAPS_PORT", "993", "IMAP with implicit TLS"),
            ("POP_PORT", "110", "POP3 with STARTTLS"),
            ("POPS_PORT", "995", "POP3 with implicit TLS"),
            ("SIEVE_PORT", "4190", "ManageSieve"),
        )
    ),
)
