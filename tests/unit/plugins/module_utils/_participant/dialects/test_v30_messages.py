# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import DOMAIN, descriptors

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects import v30_messages
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint


def public(line: str = "3.5", **key: Any) -> Any:
    return descriptors(line).message(v30_messages.CRYPTO + "PublicKey")(**key)


@pytest.mark.parametrize(("store", "field"), [(AUTHORIZED, "authorized"), (DOMAIN, "synchronizer")])
def test_a_store_is_the_node_s_own_or_a_synchronizer_s(store: str, field: str) -> None:
    query = descriptors("3.5").message(v30_messages.TOPOLOGY + "BaseQuery")(**v30_messages.query(store))
    assert query.store.WhichOneof("store") == field and query.HasField("head_state")
    assert query.store.synchronizer.id == ("" if store == AUTHORIZED else DOMAIN)


@pytest.mark.parametrize("line", ["3.5", "3.4"])
def test_keys(line: str) -> None:
    usage = ["SIGNING_KEY_USAGE_PROTOCOL", "SIGNING_KEY_USAGE_PROOF_OF_OWNERSHIP"]
    signing = {"public_key": b"spki", "key_spec": "SIGNING_KEY_SPEC_EC_P384", "usage": usage}
    found = v30_messages.key_of(public(line, signing_public_key=signing), "mine", "kms-1", "wrapper")
    assert (found.purpose, found.usage, found.spec) == ("signing", ("protocol", "proof_of_ownership"), "ec_p384")
    # computed, whatever the node says
    assert found.fingerprint == fingerprint("ec_p384", b"spki")
    assert (found.name, found.kms_key_id, found.wrapper_key_id) == ("mine", "kms-1", "wrapper")
    encryption = {"public_key": b"rsa", "key_spec": "ENCRYPTION_KEY_SPEC_RSA_2048"}
    found = v30_messages.key_of(public(line, encryption_public_key=encryption), "", "")
    assert (found.purpose, found.usage, found.spec) == ("encryption", (), "rsa_2048")


def test_a_spec_that_is_newer_than_this_code_is_hashed_like_most() -> None:
    found = v30_messages.key_of(public(signing_public_key={"public_key": b"spki", "key_spec": 99}), "", "")
    assert found.fingerprint == fingerprint("ec_p256", b"spki")
