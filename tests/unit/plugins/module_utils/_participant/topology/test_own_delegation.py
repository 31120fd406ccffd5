# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A participant's namespace, delegated to a key of a KMS that no node holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, aws_in_process
from unit.plugins.module_utils._participant.vault import Vault, running, waiting
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    SignedDelegation,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import namespace_of
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import participant_kms_delegation

ALL, BUT = "can_sign_all_mappings", "can_sign_all_but_namespace_delegations"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as keys:
        yield keys


class Delegating(Vault):
    """Its own store's delegations reach the connected synchronizers, unless ``late``; a removal is final."""

    late = False

    def _publish(self, namespace: str, fingerprint: str, new: list[Delegation]) -> None:
        reached = [AUTHORIZED, *([] if self.late else [item.id for item in self.known if item.connected])]
        for store in reached:
            left = [item for item in self.delegated.get(store, []) if item.target != fingerprint]
            self.delegated[store] = left + new

    def authorize_delegation(self, namespace: str, target_key: Any, restriction: Any = BUT) -> None:
        self.changes.append(("authorize", restriction))
        self._publish(
            namespace, target_key.fingerprint, [Delegation(namespace, target_key.fingerprint, restriction, 1)]
        )

    def remove_delegation(self, namespace: str, target_key: Any) -> None:
        self.changes.append("remove")
        self._publish(namespace, target_key.fingerprint, [])
        self.removed.setdefault(AUTHORIZED, []).append(Delegation(namespace, target_key.fingerprint, "all", 1))

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        return [SignedDelegation(item, b"") for item in self.removed.get(store, [])]


def node_of(**values: Any) -> Any:
    made = running(kms=False)
    known = [synchronizer("newsync"), synchronizer("third", connected=False)]
    node = Delegating(made.uid, "participant", known=known, keys=made.keys, delegated=made.delegated)
    node.mapped = made.mapped
    for name, value in values.items():
        setattr(node, name, value)
    return node


def new_key(aws: AwsKeys) -> tuple[str, str]:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    key = aws.public(arn)
    assert key is not None and key.public_key_der is not None
    return arn, fingerprint(key.spec, key.public_key_der)


def ensure(node: Any, kms_key_id: str, check: bool = False, **params: Any) -> Outcome:
    spec = participant_kms_delegation.SPEC
    values = {name: option.get("default") for name, option in spec.items()}
    return participant_kms_delegation.ensure(
        {**values, **CONNECTION, "kms_key_id": kms_key_id, "wait_timeout": 0.0, **params}, node, check
    )


@pytest.mark.parametrize("restriction", [ALL, BUT])
def test_a_delegation_and_its_end(aws: AwsKeys, restriction: str) -> None:
    arn, own = new_key(aws)
    node = node_of()
    predicted = ensure(node, arn, check=True, restriction=restriction)
    assert predicted.changed and node.changes == []
    done = ensure(node, arn, restriction=restriction)
    assert (done.before, done.after) == (predicted.before, predicted.after)
    assert done.result == {
        "namespace": namespace_of(node.uid),
        "target_key": own,
        "delegation": {AUTHORIZED: restriction, "newsync": restriction},
    }
    assert "third is not connected" in done.warnings[0]
    assert not ensure(node, arn, restriction=restriction).changed and len(node.changes) == 1
    other = BUT if restriction == ALL else ALL
    assert ensure(node, arn, restriction=other).after == {AUTHORIZED: other, "newsync": other}

    assert refused(lambda: ensure(node, arn, state="absent")).error_id == "give_up_key_missing"
    gone = ensure(node, arn, state="absent", give_up_key=True)
    assert gone.after == {AUTHORIZED: None, "newsync": None} and "final" in gone.warnings[0]
    assert not ensure(node, arn, state="absent", give_up_key=True).changed
    assert refused(lambda: ensure(node, arn)).error_id == "delegation_was_removed"


def test_who_can_sign_it(aws: AwsKeys) -> None:
    arn, _own = new_key(aws)
    node = node_of()
    namespace = namespace_of(node.uid)
    rest = node.keys[1:]
    node.keys = rest
    error = refused(lambda: ensure(node, arn, check=True))
    assert error.error_id == "namespace_key_missing" and namespace in error.hint
    # a key that must not delegate does not help, one that may does
    node.delegated[AUTHORIZED].append(Delegation(namespace, rest[0].fingerprint, "all_but_namespace_delegations", 1))
    assert refused(lambda: ensure(node, arn)).error_id == "namespace_key_missing" and node.changes == []
    node.delegated[AUTHORIZED].append(Delegation(namespace, rest[1].fingerprint, "all", 1))
    assert ensure(node, arn).changed


def test_no_key_removes_itself(aws: AwsKeys) -> None:
    arn, own = new_key(aws)
    node = node_of()
    ensure(node, arn, restriction=ALL)
    node.keys = [node.public_key("ec_p256", b"", "namespace")]
    node.keys = [type(node.keys[0])(own, "kms", "signing", ("namespace",), "ec_p256", arn, b"", b"")]
    error = refused(lambda: ensure(node, arn, state="absent", give_up_key=True, check=True))
    assert error.error_id == "namespace_key_missing" and own not in error.hint


@pytest.mark.parametrize(
    ("state", "error_id"), [("present", "delegation_not_effective"), ("absent", "delegation_still_effective")]
)
def test_an_accepted_change_that_does_not_show(aws: AwsKeys, state: str, error_id: str) -> None:
    arn, _own = new_key(aws)
    node = node_of()
    if state == "absent":
        ensure(node, arn)
    node.late = True
    error = refused(lambda: ensure(node, arn, state=state, give_up_key=True))
    assert error.error_id == error_id and "newsync" in error.message
    changes = len(node.changes)
    node.late, node.delegated[NEW_SYNC] = False, node.delegated[AUTHORIZED]
    ensure(node, arn, state=state, give_up_key=True)
    assert len(node.changes) == changes, "what its own store has is not signed again"


def test_what_needs_no_delegation(aws: AwsKeys) -> None:
    arn, own = new_key(aws)
    assert refused(lambda: ensure(node_of(uid=f"node::{own}"), arn)).error_id == "root_key"
    assert refused(lambda: ensure(waiting(), arn)).error_id == "not_initialized"
