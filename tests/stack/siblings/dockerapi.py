"""Stands in for mailcow's dockerapi, which cannot be had here: its protocol over HTTPS, in front of the real Docker socket.

What it does is in the log, a line per request. Of mailcow's many commands it knows those that the companion needs.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOCKET = "/var/run/docker.sock"
PAIR = "/root/dockerapi.pem"
LIMIT = 60.0  # seconds for an answer of the engine
TASKS = {
    "nginx": ["nginx", "-s", "reload"],
    "dovecot": ["dovecot", "reload"],
    "postfix": ["postfix", "reload"],
}
SUCCESS = {"type": "success", "msg": "command completed successfully"}


class Engine(http.client.HTTPConnection):
    """One connection to the Docker Engine."""

    def __init__(self) -> None:
        super().__init__("localhost", timeout=LIMIT)

    def connect(self) -> None:
        """Use the engine's socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(SOCKET)


def ask(method: str, path: str, body: Any = None) -> bytes:
    """Ask the engine, and give the body of its answer; raises `OSError` when it says no."""
    engine = Engine()
    try:
        content = None if body is None else json.dumps(body)
        engine.request(method, path, content, {"Content-Type": "application/json"})
        answer = engine.getresponse()
        said = answer.read()
    finally:
        engine.close()
    if answer.status >= 400:
        raise OSError(f"{method} {path}: {answer.status} {said.decode(errors='replace')}")
    return said


def containers(everything: str) -> dict[str, Any]:
    """The inspected containers by id."""
    listed = json.loads(ask("GET", f"/containers/json{everything}"))
    return {one["Id"]: json.loads(ask("GET", f"/containers/{one['Id']}/json")) for one in listed}


def reload(identity: str, task: str) -> dict[str, str]:
    """Run the task's command inside the container, and tell how it ended."""
    wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": TASKS[task]}
    run = json.loads(ask("POST", f"/containers/{identity}/exec", wanted))["Id"]
    output = ask("POST", f"/exec/{run}/start", {"Detach": False, "Tty": False})
    if json.loads(ask("GET", f"/exec/{run}/json"))["ExitCode"]:
        return {"type": "danger", "msg": f"command failed: {output[8:].decode(errors='replace')}"}
    return SUCCESS


class Gateway(BaseHTTPRequestHandler):
    """What mailcow's gateway answers."""

    def do_GET(self) -> None:
        """List the containers."""
        path, _, query = self.path.partition("?")
        if path == "/containers/json":
            self._answer(containers("?all=true" if query == "all=true" else ""))
        else:
            self._answer({"type": "danger", "msg": "no such path"})

    def do_POST(self) -> None:
        """Restart a container, or have a service in it reload."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            match self.path.split("/"):
                case ["", "containers", identity, "restart"]:
                    ask("POST", f"/containers/{identity}/restart?t=10")
                    self._answer(SUCCESS)
                case ["", "containers", identity, "exec"]:
                    request = json.loads(content)
                    assert request["cmd"] == "reload"
                    self._answer(reload(identity, request["task"]))
                case _:
                    self._answer({"type": "danger", "msg": "no such path"})
        except (OSError, ValueError, LookupError, AssertionError) as problem:
            self._answer({"type": "danger", "msg": str(problem)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Print requests, not when the health check looks."""
        print(format % args, flush=True)

    def _answer(self, document: Any) -> None:
        body = json.dumps(document, indent=4).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve with a self-signed certificate that is made anew on every start, as mailcow's is."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "3650")
    names = ("-subj", "/CN=dockerapi", "-keyout", PAIR, "-out", PAIR + ".crt")
    subprocess.run(["openssl", "req", "-x509", *new, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PAIR + ".crt", PAIR)
    server = ThreadingHTTPServer(("", 443), Gateway)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
