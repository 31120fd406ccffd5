# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to a network that runs."""

from __future__ import annotations

import json
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

_ANSWER_SECONDS = 120


class NetworkError(Exception):
    """The network can't do what was asked; the text says why."""


class Control:
    """Takes the commands of ``python -m sandbox stop|start|kill`` on a loopback port, for those who know the secret."""

    def __init__(self, commands: Mapping[str, Callable[[str], None]], stop_all: Callable[[], None]) -> None:
        self._commands = commands
        self._stop_all = stop_all
        self._secret = secrets.token_hex(16)
        control = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(json.dumps(control.answer(json.loads(self.rfile.readline()))).encode() + b"\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = {"port": self._server.server_address[1], "secret": self._secret}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: dict[str, str]) -> dict[str, str]:
        """``{}`` or ``{"error": text}``."""
        if not secrets.compare_digest(request.get("secret", ""), self._secret):
            return {"error": "not allowed"}
        if request["command"] == "stop" and request["name"] == "all":
            self._stop_all()
            return {}
        try:
            self._commands[request["command"]](request["name"])
        except NetworkError as error:
            return {"error": str(error)}
        return {}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(state: Path, command: str, name: str) -> None:
    """Give a command to the supervisor of this state directory; ``NetworkError`` when it refuses or is not there."""
    try:
        control = json.loads((state / "network.json").read_text())["control"]
        with socket.create_connection(("127.0.0.1", control["port"]), timeout=_ANSWER_SECONDS) as connection:
            request = {"secret": control["secret"], "command": command, "name": name}
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
    except (OSError, ValueError) as error:
        raise NetworkError(f"no network runs in {state}: {error}") from error
    if "error" in answer:
        raise NetworkError(answer["error"])
