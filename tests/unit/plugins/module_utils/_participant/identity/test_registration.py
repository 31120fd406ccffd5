# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS keys that a running node is to register, with and without a look into the KMS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, aws_in_process
from unit.plugins.module_utils._participant.vault import Vault, running
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.identity import registration
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import participant_kms_key


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "LISTED_SECONDS", 0.0)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as keys:
        yield keys


class OnKms(Vault):
    """A node that runs on the KMS: what it registers has the fingerprint of the KMS's public key, and its stored name or none."""

    prints: dict[str, str]

    def _add(self, call: str, name: str, purpose: str, usage: Any, spec: str, kms_key_id: str = "") -> Key:
        own = self.prints.get(kms_key_id, "1220" + kms_key_id)
        known = next((key for key in self.stored if key.fingerprint == own), None)
        if known is not None and (known.name, set(known.usage) - {"proof_of_ownership"}) != (name, set(usage)):
            raise CantonError("Existing public key for 1220 is different than inserted key", "INTERNAL")
        made = super()._add(call, name, purpose, usage, spec, kms_key_id)
        if self.keys and self.keys[-1] is made:
            self.keys[-1] = replace(made, fingerprint=own)
        return replace(made, fingerprint=own)


def on_kms(**prints: str) -> Any:
    node = OnKms("node::1220root", "participant")
    node.prints = prints
    return node


def print_of(aws: AwsKeys, kms_key_id: str) -> str:
    key = aws.public(kms_key_id)
    assert key is not None and key.public_key_der is not None
    return fingerprint(key.spec, key.public_key_der)


def ensure(node: Any, kms_key_id: str, check: bool = False, kms: bool = True, **params: Any) -> Outcome:
    spec = participant_kms_key.SPEC
    values = {name: option.get("default") for name, option in spec.items()}
    values.update({"kms_key_id": kms_key_id, "purpose": "protocol", **(CONNECTION if kms else {}), **params})
    return participant_kms_key.ensure(values, node, check)


def test_a_key_under_the_name_that_the_node_stores(aws: AwsKeys) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    own = print_of(aws, arn)
    node = on_kms(**{arn: own})
    node.stored = [Key(own, "old-protocol", "signing", ("protocol", "proof_of_ownership"), "ec_p256", "", b"", b"")]
    predicted = ensure(node, arn, check=True)
    assert predicted.changed and node.changes == []
    done = ensure(node, arn, expected_fingerprint=own)
    assert predicted.after == done.after and node.changes == ["register"]
    assert done.result["key"] == {
        "fingerprint": own,
        "kms_key_id": arn,
        "name": "old-protocol",
        "purpose": "protocol",
    }
    assert not ensure(node, arn).changed and not ensure(node, arn, kms=False, name="old-protocol").changed
    assert node.changes == ["register"]


def test_a_key_that_the_node_has_never_seen(aws: AwsKeys) -> None:
    arn = aws.create("rsa_2048", "encrypt_decrypt", "", {})
    node = on_kms(**{arn: print_of(aws, arn)})
    done = ensure(node, arn, purpose="encryption")
    assert done.result["key"]["name"] == f"encryption-{arn}"  # type: ignore[index]
    given = ensure(on_kms(), "b", kms=False, name="mine")
    assert given.result["key"] == {"fingerprint": "1220b", "kms_key_id": "b", "name": "mine", "purpose": "protocol"}
    assert ensure(on_kms(), "b", kms=False, check=True).result["key"]["fingerprint"] is None  # type: ignore[index]


def test_a_wrong_key_is_refused_before_the_call(aws: AwsKeys) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    node = on_kms(**{arn: print_of(aws, arn)})
    error = refused(lambda: ensure(node, arn, expected_fingerprint="1220other"))
    assert error.error_id == "other_key" and "Nothing was registered" in error.hint and node.changes == []
    assert refused(lambda: ensure(node, arn, purpose="encryption")).error_id == "key_spec_unfit"
    # without a look into the KMS only the answer shows it
    error = refused(lambda: ensure(node, arn, kms=False, expected_fingerprint="1220other"))
    assert error.error_id == "other_key" and node.changes == ["register"]


def test_another_id_for_a_key_that_is_registered(aws: AwsKeys) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    aws.add_alias(arn, "alias/mine")
    own = print_of(aws, arn)
    node = on_kms(**{arn: own, "alias/mine": own})
    ensure(node, arn)
    error = refused(lambda: ensure(node, "alias/mine"))
    assert error.error_id == "registered_with_other_id" and arn in error.message and node.changes == ["register"]
    # a node answers OK to it and changes nothing
    node.ignores = "register"
    assert refused(lambda: ensure(node, "alias/mine", kms=False)).error_id == "registered_with_other_id"


@pytest.mark.parametrize(
    ("params", "calls"),
    [({"name": "other"}, []), ({"purpose": "namespace"}, []), ({"kms": False}, ["none"])],
    ids=["name", "purpose", "unread"],
)
def test_a_public_key_is_stored_once(aws: AwsKeys, params: dict[str, Any], calls: list[str]) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    own = print_of(aws, arn)
    node = on_kms(**{arn: own})
    node.stored = [Key(own, "stored", "signing", ("protocol", "proof_of_ownership"), "ec_p256", "", b"", b"")]
    error = refused(lambda: ensure(node, arn, **params))
    assert error.error_id == "stored_otherwise" and "name" in error.hint and node.changes == []
    if not calls:
        assert "'stored'" in error.hint and error.details["fingerprint"] == own


def test_a_node_that_does_not_run_on_a_kms(aws: AwsKeys) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    node = running(kms=False)
    node.keys = [replace(node.keys[2], fingerprint=print_of(aws, arn))]
    error = refused(lambda: ensure(node, arn))
    assert error.error_id == "key_held_by_node" and "crypto provider is kms" in error.hint
    for wrong in ("", "a" * 301):
        assert refused(lambda wrong=wrong: ensure(node, wrong, kms=False)).error_id == "kms_key_id_invalid"
