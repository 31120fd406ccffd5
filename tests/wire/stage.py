# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Participants of a network and its KMS, and the modules that are tried on them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from networks import kms_client

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import connection_spec, participant_of
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from sandbox.kms.facts import DUMMY_CREDENTIALS
from sandbox.v30.requests import VAULT
from sandbox.wire import client

MAPPED = ("sequencer_authentication", "protocol", "encryption")
ALL = "can_sign_all_mappings"


class Stage:
    def __init__(self, network: Any) -> None:
        self.network = network
        self.kms = kms_client(network, DUMMY_CREDENTIALS["aws_access_key_id"])
        settings = network.info()["kms"]
        self.aws = {
            "region": settings["region"],
            "endpoint_url": settings["endpoint"],
            "access_key": settings["aws_access_key_id"],
            "secret_key": settings["aws_secret_access_key"],
        }
        self.store = str(network.info()["synchronizers"]["one"]["id"])

    def options(self, name: str) -> dict[str, Any]:
        port = self.network.info()["participants"][name]["admin_port"]
        values = {option: spec.get("default") for option, spec in connection_spec().items()}
        return {**values, "endpoint": f"127.0.0.1:{port}", "timeout": 20.0, "ready_timeout": 20.0}

    def participant(self, name: str) -> Any:
        return participant_of(self.options(name), f"participant {name}")

    def key(self, purpose: str) -> str:
        """A new key in the KMS; its ARN."""
        usage = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
        if purpose != "encryption":
            usage = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
        return str(self.kms.create_key(**usage)["KeyMetadata"]["Arn"])

    def run(self, module: ModuleType, name: str, check: bool = False, kms: bool = True, **params: Any) -> Outcome:
        values = {option: spec.get("default") for option, spec in module.SPEC.items()}
        values.update({**(self.aws if kms else {}), **params})
        if "wait_timeout" in module.SPEC:
            values.setdefault("wait_timeout", 20.0)
        outcome: Outcome = module.ensure(values, self.participant(name), check)
        return outcome

    def thrice(self, module: ModuleType, name: str, **params: Any) -> Outcome:
        """In check mode, for real, and again: the prediction comes true, and nothing is left to do."""
        predicted = self.run(module, name, check=True, **params)
        done = self.run(module, name, **params)
        assert predicted.changed and (predicted.before, predicted.after) == (done.before, done.after)
        again = self.run(module, name, **params)
        assert not again.changed and again.after == done.after
        return done

    def mapped(self, name: str, store: str = AUTHORIZED, seen_by: str = "") -> list[str]:
        uid = self.participant(name).identity().uid
        return [key.fingerprint for key in self.participant(seen_by or name).owner_keys(store, uid)]

    def delete(self, name: str, fingerprint: str) -> None:
        with client.participants(self.network.info()) as nodes:
            nodes[name].admin(f"{VAULT}/DeleteKeyPair", {"fingerprint": fingerprint})


def item(kms_key_id: str = "", fingerprint: str = "", purpose: str = "") -> dict[str, Any]:
    return {"kms_key_id": kms_key_id or None, "fingerprint": fingerprint or None, "purpose": purpose or None}
