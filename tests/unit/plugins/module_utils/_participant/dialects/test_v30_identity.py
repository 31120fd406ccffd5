# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of Canton 3 about a node's own keys and identity."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import UID, Answer, canton_3
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import answer_error
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, OwnerKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from sandbox.wire import definitions
from sandbox.wire.release import release

SIGNING = {"public_key": b"spki", "key_spec": "SIGNING_KEY_SPEC_EC_P256"}
ROOT = fingerprint("ec_p256", b"spki")
RSA = {"public_key": b"rsa", "key_spec": "ENCRYPTION_KEY_SPEC_RSA_2048"}


def test_keys_are_registered_and_generated_for_their_usages() -> None:
    speaker, api = canton_3(
        RegisterKmsSigningKey={"public_key": SIGNING},
        RegisterKmsEncryptionKey={"public_key": RSA},
        GenerateSigningKey={"public_key": SIGNING},
        GenerateEncryptionKey={"public_key": RSA},
    )
    both = ["protocol", "proof_of_ownership"]
    found = [
        speaker.register_kms_signing_key("kms-1", "mine", both),
        speaker.register_kms_encryption_key("kms-2", "mine"),
        speaker.generate_signing_key("mine", "ec_p256", both),
        speaker.generate_encryption_key("mine", "rsa_2048"),
    ]
    assert [(key.purpose, key.kms_key_id) for key in found] == [
        ("signing", "kms-1"),
        ("encryption", "kms-2"),
        ("signing", ""),
        ("encryption", ""),
    ]
    assert {key.name for key in found} == {"mine"} and found[0].fingerprint == ROOT
    protocol = 4
    # the node adds the proof of ownership by itself
    assert [list(api.requests(call)[0].usage) for call in ("RegisterKmsSigningKey", "GenerateSigningKey")] == [
        [protocol],
        [protocol],
    ]


@pytest.mark.parametrize(
    ("error_id", "found"), [("NO_ENCRYPTED_PRIVATE_KEY_STORE_ERROR", None), ("redacted", None), ("", "arn:key")]
)
def test_wrapper_key(error_id: str, found: str | None) -> None:
    answer: Answer = answer_error("no", error_id) if error_id else {"wrapper_key_id": "arn:key"}
    assert canton_3(GetWrapperKeyId=answer)[0].wrapper_key_id() == found


def test_a_wrapper_key_that_cannot_be_asked_for_is_no_cleartext() -> None:
    speaker, _api = canton_3(GetWrapperKeyId=answer_error("no", "PERMISSION_DENIED"))
    assert refused(speaker.wrapper_key_id).error_id == "PERMISSION_DENIED"


def test_a_root_certificate_and_a_mapping_are_signed_into_the_own_store() -> None:
    speaker, api = canton_3(RegisterKmsSigningKey={"public_key": SIGNING})
    root = speaker.register_kms_signing_key("kms-1", "root", ["namespace"])
    speaker.authorize_root_certificate(root)
    speaker.authorize_owner_keys(UID, [root])
    certificate, mapping = (request.proposal.mapping for request in api.requests("Authorize"))
    assert certificate.namespace_delegation.namespace == ROOT
    assert certificate.namespace_delegation.HasField("can_sign_all_mappings")
    assert mapping.owner_to_key_mapping.member == f"PAR::{UID}"
    assert [key.signing_public_key.public_key for key in mapping.owner_to_key_mapping.public_keys] == [b"spki"]
    assert all(request.store.HasField("authorized") for request in api.requests("Authorize"))


def test_the_mapping_of_another_participant_is_not_taken_for_its_own() -> None:
    """A node finds everybody whose id begins as asked."""
    keys = [{"signing_public_key": SIGNING}, {"encryption_public_key": RSA}]
    rows = [{"item": {"member": f"PAR::{UID}{end}", "public_keys": keys[: 2 - len(end)]}} for end in ("0", "")]
    speaker, api = canton_3(ListOwnerToKeyMapping={"results": rows})
    assert [key.purpose for key in speaker.owner_keys(AUTHORIZED, UID)] == ["signing", "encryption"]
    assert api.requests("ListOwnerToKeyMapping")[0].filter_key_owner_uid == UID


def test_a_mapping_has_a_serial_and_signers() -> None:
    context = {"serial": 3, "signed_by_fingerprints": ["1220ab", "1220cd"]}
    item = {"member": f"PAR::{UID}", "public_keys": [{"encryption_public_key": RSA}, {"signing_public_key": SIGNING}]}
    speaker, _api = canton_3(ListOwnerToKeyMapping={"results": [{"context": context, "item": item}]})
    found = speaker.owner_mapping(AUTHORIZED, UID)
    assert (found.serial, found.signed_by) == (3, ("1220ab", "1220cd"))
    assert [key.purpose for key in found.keys] == ["encryption", "signing"], "the order counts"
    assert speaker.owner_mapping(AUTHORIZED, UID + "0") == OwnerKeys()


def stored(mapping: dict[str, Any], serial: int = 1, proposal: bool = False) -> dict[str, bytes]:
    messages = definitions.messages(release("3.5"))
    inner = messages.cls("protocol.v30.TopologyTransaction")(serial=serial, mapping=mapping).SerializeToString()
    signed = messages.cls("protocol.v30.SignedTopologyTransaction")(
        transaction=messages.wrap(inner, 30), proposal=proposal
    )
    return {"transaction": messages.wrap(signed.SerializeToString(), 30)}


def delegated(key: bytes) -> dict[str, Any]:
    return {"namespace_delegation": {"namespace": ROOT, "target_key": {**SIGNING, "public_key": key}}}


def mapped(uid: str, *keys: bytes) -> dict[str, Any]:
    public = [{"signing_public_key": {**SIGNING, "public_key": key}} for key in keys]
    return {"owner_to_key_mapping": {"member": f"PAR::{uid}", "public_keys": public}}


def test_an_identity_is_its_certificates_root_first_and_the_whole_past_of_its_mapping() -> None:
    uid = f"node::{ROOT}"
    now = [stored(delegated(b"other")), stored(delegated(b"spki")), stored(delegated(b"open"), proposal=True)]
    past = [stored(mapped(uid, b"two"), 2), stored(mapped(uid, b"one"), 1), stored(mapped(f"x::{ROOT}", b"three"), 3)]
    pages = {True: {"result": {"items": now}}, False: {"result": {"items": past}}}
    speaker, _api = canton_3(ListAll=lambda request: pages[request.base_query.HasField("head_state")])
    assert [serial for serial, _raw in speaker.signed_owner_keys(uid)] == [1, 2]
    found = b" | ".join(speaker.signed_identity(uid))
    order = [found.index(word) for word in (b"spki", b"other", b"one", b"two")]
    assert order == sorted(order) and b"three" not in found and b"open" not in found
