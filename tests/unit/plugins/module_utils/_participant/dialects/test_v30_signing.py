# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Topology transactions of Canton 3 that keys outside of the node sign."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import NAMESPACE, UID, canton_3
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Key,
    Signature,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from sandbox.wire import crypto, definitions
from sandbox.wire.release import release

SIGNATURE = Signature(b"sig", "1220ab", "SIGNATURE_FORMAT_DER", "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256")


def generated(change: dict[str, Any] | None = None, operation: int = 1) -> Any:
    """What a node answers to GenerateTransactions: the requested mapping, or one with ``change``."""
    messages = definitions.messages(release("3.5"))

    def answer(request: Any) -> dict[str, Any]:
        (proposal,) = request.proposals
        assert proposal.store.HasField("authorized")
        transaction = messages.cls("protocol.v30.TopologyTransaction")(operation=operation, serial=2)
        transaction.mapping.ParseFromString(proposal.mapping.SerializeToString())
        for name, value in (change or {}).items():
            if name == "member":
                transaction.mapping.owner_to_key_mapping.member = value
            else:
                del transaction.mapping.owner_to_key_mapping.public_keys[value:]
        raw = messages.wrap(transaction.SerializeToString(), 30)
        return {
            "generated_transactions": [{"serialized_transaction": raw, "transaction_hash": b"another, never believed"}]
        }

    return answer


def new_keys(speaker: V30) -> list[Key]:
    return [speaker.public_key("ec_p256", b"spki", "protocol"), speaker.public_key("rsa_2048", b"rsa", "encryption")]


@pytest.mark.parametrize("line", ["3.4", "3.5"])
def test_a_key_mapping_is_prepared_and_gets_the_signatures_of_others(line: str) -> None:
    speaker, api = canton_3(
        line,
        GenerateTransactions=generated(),
        SignTransactions=lambda request: {"transactions": list(request.transactions)},
    )
    unsigned = speaker.generate_owner_keys(UID, new_keys(speaker))
    assert unsigned.hash == crypto.transaction_hash(unsigned.transaction) and len(unsigned.hash) == 34
    signed = speaker.sign_transactions([speaker.with_signatures(unsigned, [SIGNATURE])], ["1220cd"])
    speaker.add_transactions("da::1220", signed, alien_member=True)
    speaker.add_transactions(AUTHORIZED, signed)
    (request,) = api.requests("SignTransactions")
    assert request.store.HasField("authorized") and list(request.signed_by) == ["1220cd"]
    (signature,) = request.transactions[0].signatures
    assert (signature.signature, signature.signed_by, signature.format, signature.signing_algorithm_spec) == (
        b"sig",
        "1220ab",
        2,
        2,
    )
    alien, own = api.requests("AddTransactions")
    assert list(alien.force_changes) == [1] and alien.store.synchronizer.id == "da::1220"
    assert not own.force_changes and own.store.HasField("authorized")
    assert not own.transactions[0].proposal, "what lacks a signature is refused at once"


@pytest.mark.parametrize(
    ("change", "operation"),
    [({"member": f"PAR::{UID}0"}, 1), ({"cut": 1}, 1), ({}, 2)],
    ids=["other", "less", "remove"],
)
def test_another_transaction_than_the_requested_one_is_not_signed(change: dict[str, Any], operation: int) -> None:
    speaker, _api = canton_3(GenerateTransactions=generated(change, operation))
    error = refused(lambda: speaker.generate_owner_keys(UID, new_keys(speaker)))
    assert error.error_id == "other_transaction" and "Nothing was signed" in error.hint


def test_keys_that_no_node_holds() -> None:
    speaker, _api = canton_3()
    protocol, encryption = new_keys(speaker)
    assert (protocol.fingerprint, protocol.usage) == (
        fingerprint("ec_p256", b"spki"),
        ("protocol", "proof_of_ownership"),
    )
    assert (encryption.fingerprint, encryption.purpose, encryption.spec) == (
        fingerprint("rsa_2048", b"rsa"),
        "encryption",
        "rsa_2048",
    )
    root = speaker.public_key("ec_p384", b"other", "namespace")
    assert (root.usage, root.spec) == (("namespace",), "ec_p384")


def test_stored_public_keys_have_names() -> None:
    keys = [{"public_key": {"signing_public_key": {"public_key": b"spki", "key_spec": 2}}, "name": "mine"}]
    speaker, _api = canton_3(ListPublicKeys={"public_keys": keys})
    assert [(key.name, key.fingerprint, key.kms_key_id) for key in speaker.public_keys()] == [
        ("mine", fingerprint("ec_p256", b"spki"), "")
    ]


@pytest.mark.parametrize("line", ["3.4", "3.5"])
def test_how_far_a_delegation_goes(line: str) -> None:
    speaker, api = canton_3(line)
    key = speaker.public_key("ec_p256", b"spki", "namespace")
    speaker.authorize_delegation(NAMESPACE, key)
    speaker.authorize_delegation(NAMESPACE, key, "all")
    listed = {"namespace": NAMESPACE, "target_key": {"public_key": b"spki", "key_spec": 2}, "can_sign_all_mappings": {}}
    api.answers["ListNamespaceDelegation"] = {"results": [{"item": listed}]}
    speaker.remove_delegation(NAMESPACE, key)
    kinds = [
        request.proposal.mapping.namespace_delegation.WhichOneof("restriction") for request in api.requests("Authorize")
    ]
    # a removal repeats the mapping in force
    assert kinds == ["can_sign_all_but_namespace_delegations", "can_sign_all_mappings", "can_sign_all_mappings"]
