# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS of the sandbox: ministack's, in a process of its own, so that it outlives restarts of participants.

Nothing of ministack but its KMS is loaded, and nothing is opened but one port of the loopback.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.kms.aws import rules
from sandbox.kms.aws.faults import Drop, Faults
from sandbox.kms.aws.memory import Memory
from sandbox.kms.facts import ACCOUNT

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/kms/")
_READS = ("Describe", "Encrypt", "Decrypt", "Generate", "Get", "List", "Sign", "Verify")
_log = logging.getLogger("sandbox.kms")


class Application:
    """Answers one request after the other where keys change, and any number at a time where they don't."""

    def __init__(self, state: Path) -> None:
        self._memory = Memory(state / "kms.keys")
        self._faults = Faults(state)
        self._changing = threading.Lock()
        self._memory.restore()

    def answer(self, action: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        """HTTP status and body. Raises ``Drop`` when the connection is to be closed instead."""
        from ministack.core.responses import request_scope

        access_key, region = _caller(authorization)
        refused = self._faults.before(action, access_key)
        if refused is None:
            with request_scope(ACCOUNT, region):
                status, answer = self._carry_out(action, body)
        else:
            status, answer = 400, refused
        _log.info("%s %s", action, status if status == 200 else answer.get("__type"))
        self._faults.after(action)
        return status, json.dumps(answer).encode()

    def _carry_out(self, action: str, body: bytes) -> tuple[int, dict[str, Any]]:
        request = json.loads(body or b"{}")
        if action.startswith(_READS) and action != "GetParametersForImport":
            return self._ask(action, request, body)
        with self._changing:
            answer = self._ask(action, request, body)
            self._memory.keep()
        return answer

    def _ask(self, action: str, request: dict[str, Any], body: bytes) -> tuple[int, dict[str, Any]]:
        from ministack.services import kms

        refused = rules.check(action, request)
        if refused is not None:
            return 400, refused
        headers = {"x-amz-target": f"TrentService.{action}"}
        status, _headers, text = asyncio.run(kms.handle_request("POST", "/", headers, body, {}))
        answer = json.loads(text or b"{}")
        if status == 200:
            rules.complete(action, request)
            self._faults.alter(action, request, answer)
        return status, answer


def _caller(authorization: str) -> tuple[str, str]:
    """Access key id and region of a signed request. The signature itself is not checked."""
    found = _CREDENTIAL.search(authorization)
    return (found.group(1), found.group(2)) if found else ("", "us-east-1")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    application: Application

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        try:
            status, answer = self.application.answer(action, self.headers.get("Authorization", ""), body)
        except Drop:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """The application logs actions; addresses of the loopback say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def open_server(port: int, state: Path) -> http.server.HTTPServer:
    """A KMS on the loopback that keeps its keys in ``state``; port 0: any free one."""
    handler = type("Handler", (_Handler,), {"application": Application(state)})
    return _Server(("127.0.0.1", port), handler)


def serve(port: int, state: Path) -> None:
    """Blocks; ends when standard input does, that is with the supervisor. Keys are kept in ``state`` over a kill."""
    logging.getLogger("kms").setLevel(logging.WARNING)  # ministack's
    threading.Thread(target=_watch_supervisor, daemon=True).start()
    open_server(port, state).serve_forever()


def _watch_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)
