# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect of Canton 3: status, time and delegations."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import NAMESPACE, canton_3

from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import answer_error
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Key

LINES = pytest.mark.parametrize("line", ["3.5", "3.4"])


@LINES
@pytest.mark.parametrize(("component", "in_memory"), [("memory_storage", True), ("db-storage", False)])
def test_storage(line: str, component: str, in_memory: bool) -> None:
    components = [{"name": "sequencer-client", "ok": {}}, {"name": component, "ok": {}}]
    speaker, _api = canton_3(line, ParticipantStatus={"status": {"common_status": {"components": components}}})
    assert speaker.in_memory() is in_memory


@LINES
def test_time_of_a_synchronizer(line: str) -> None:
    speaker, api = canton_3(line, FetchTime={"timestamp": {"seconds": 1000, "nanos": 500_000_000}})
    assert speaker.last_time("da::1220") == 1000.5
    (sent,) = api.requests("FetchTime")
    assert sent.synchronizer.id == "da::1220"
    # older than anything that a node keeps from its synchronizer: it has no reason to ask for a fresh time
    assert sent.freshness_bound.seconds > 7 * 24 * 3600


def test_no_time_is_no_trouble_and_no_node_is() -> None:
    refused, _api = canton_3("3.5", FetchTime=CantonError("no", "DEADLINE_EXCEEDED"))
    assert refused.last_time("da::1220") is None
    gone, _api = canton_3("3.5", FetchTime=Unreachable("no"))
    with pytest.raises(CantonError):
        gone.last_time("da::1220")


def registered(connected: bool) -> dict[str, Any]:
    item = {
        "config": {"synchronizer_alias": "main"},
        "connected": connected,
        "physical_synchronizer_id": "da::1220::35-0",
    }
    return {"results": [item]}


@LINES
def test_the_health_of_synchronizers_is_asked_only_where_it_is_wanted(line: str) -> None:
    listed = {"connected_synchronizers": [{"synchronizer_alias": "main", "healthy": True}]}
    speaker, api = canton_3(line, ListRegisteredSynchronizers=registered(True), ListConnectedSynchronizers=listed)
    (found,) = speaker.synchronizers()
    assert found.connected and not api.requests("ListConnectedSynchronizers")
    (found,) = speaker.synchronizers(health=True)
    assert found.connected and found.healthy
    speaker, api = canton_3(line, ListRegisteredSynchronizers=registered(False))
    (found,) = speaker.synchronizers(health=True)
    assert not (found.connected or found.healthy or api.requests("ListConnectedSynchronizers"))


@LINES
def test_delegations_to_a_key_of_all_namespaces(line: str) -> None:
    speaker, api = canton_3(line)
    wanted = key(speaker)
    public = speaker.admin.message("com.digitalasset.canton.crypto.v30.PublicKey").FromString(wanted.public_key)
    other = {"public_key": b"other", "key_spec": 2}
    # the node may read its filter as a prefix
    api.answers["ListNamespaceDelegation"] = {
        "results": [
            {"item": {"namespace": name, "target_key": target}}
            for name, target in (("1220aa", public.signing_public_key), ("1220bb", other))
        ]
    }
    fingerprint = speaker.read_key(wanted.public_key, "").fingerprint
    assert [item.namespace for item in speaker.delegations("da::1220", target=fingerprint)] == ["1220aa"]
    (sent,) = api.requests("ListNamespaceDelegation")
    assert (sent.filter_namespace, sent.filter_target_key_fingerprint) == ("", fingerprint)


REMOVE = 2


def key(speaker: V30) -> Key:
    public = speaker.admin.message("com.digitalasset.canton.crypto.v30.PublicKey")
    raw = public(signing_public_key={"public_key": b"spki", "key_spec": 2}).SerializeToString()
    return Key("1220ff", "root", "signing", (), "ec_p256", "", raw, b"spki")


def test_removal_of_a_delegation() -> None:
    speaker, api = canton_3()
    speaker.authorize_delegation(NAMESPACE, key(speaker))
    speaker.remove_delegation(NAMESPACE, key(speaker))
    added, removed = api.requests("Authorize")
    assert removed.proposal.change == REMOVE
    assert removed.proposal.mapping == added.proposal.mapping
    assert removed.store.HasField("authorized") and removed.must_fully_authorize


@pytest.mark.parametrize(("code", "told"), [("TOPOLOGY_MAPPING_ALREADY_EXISTS", False), ("redacted", True)])
def test_removal_that_is_there_is_done(code: str, told: bool) -> None:
    speaker, api = canton_3()
    api.answers["Authorize"] = answer_error("no", code)
    with pytest.raises(CantonError, match="no") if told else nullcontext():
        speaker.remove_delegation(NAMESPACE, key(speaker))
