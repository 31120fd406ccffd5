# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS of the sandbox: moto, in a process of its own, so that it outlives restarts of participants."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.kms_facts import POWERLESS_ACCESS_KEY_ID
from sandbox.kms_memory import Memory


def serve(port: int, state: Path) -> None:
    """Blocks; ends when standard input does, that is with the supervisor. Keys are kept in ``state`` over a kill."""
    from moto.kms import responses
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    kms: Any = responses.KmsResponse
    kms.sign = _refusing(kms.sign)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    threading.Thread(target=_watch_supervisor, daemon=True).start()
    memory = Memory(state / "kms.keys")
    memory.restore()
    application = _guarded(DomainDispatcherApplication(create_backend_app), memory)
    run_simple("127.0.0.1", port, application, threaded=True)


def _guarded(application: Any, memory: Memory) -> Any:
    """One access key id may do nothing, so that a caller without permission can be tried. What changed is kept."""

    def answer(environment: dict[str, Any], start_response: Any) -> Any:
        action = environment.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if f"Credential={POWERLESS_ACCESS_KEY_ID}/" not in environment.get("HTTP_AUTHORIZATION", ""):
            body = application(environment, start_response)
            memory.keep(action)
            return body
        text = f"User {POWERLESS_ACCESS_KEY_ID} is not authorized to perform: kms:{action}"
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps({"__type": "AccessDeniedException", "message": text}).encode()]

    return answer


def _refusing(sign: Any) -> Any:
    """moto signs with disabled keys and those waiting for deletion; AWS does not (kms.md 8)."""
    from moto.core.exceptions import JsonRESTError

    def checked(self: Any) -> str:
        key_id = self._get_param("KeyId")
        self._validate_key_id(key_id)
        key = self.kms_backend.describe_key(key_id)
        if key.key_state == "Disabled":
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
        if key.key_state != "Enabled":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is {key.key_state}.")
        answer: str = sign(self)
        return answer

    return checked


def _watch_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)
