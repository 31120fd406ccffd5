# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which participants use a key, whatever the provider."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import in_use
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key

KEY = Key("enabled", "ec_p256", "sign_verify", full_name="key/1", public_key_der=b"der")


def node(uid: str, **listed: Any) -> in_use.Open:
    item = SimpleNamespace(**{"kms_key_id": None, "wrapper_key_id": None, "der": b"", **listed})
    found: Any = SimpleNamespace(identity=lambda: SimpleNamespace(uid=uid), own_keys=lambda: [item])
    return lambda: found


def refused(*participants: in_use.Open) -> CantonError:
    with pytest.raises(CantonError) as caught:
        in_use.refuse_while_listed(KEY, participants, lambda name: name == "1", "can't be deleted")
    return caught.value


def test_every_participant_that_lists_the_key_is_named() -> None:
    users = [node("a", der=b"der"), node("b", kms_key_id="2"), node("c", kms_key_id="1"), node("d", wrapper_key_id="1")]
    error = refused(*users)
    assert (error.error_id, error.details["participants"]) == ("key_in_use", ["a", "c", "d"])
    in_use.refuse_while_listed(KEY, users[1:2], lambda name: name == "1", "can't be deleted")


def test_alias_that_a_participant_has_registered() -> None:
    with pytest.raises(CantonError, match="b has registered a key by it"):
        in_use.refuse_while_named([node("a"), node("b", kms_key_id="alias/x")], "alias/x", "alias/x".__eq__)


def test_participant_that_can_not_be_asked() -> None:
    def unreachable() -> Any:
        raise CantonError("no connection", "unreachable", "Start it.", True)

    error = refused(node("a"), unreachable)
    assert error.error_id == "in_use_unknown" and error.retryable
    assert "lists key key/1: no connection" in error.message and "Start it. Or remove" in error.hint


@pytest.mark.parametrize("params", [{"in_use_by": [{}], "force": True}, {"in_use_by": [], "force": False}])
def test_nobody_is_asked_and_grpc_is_not_needed(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise DependencyMissing("grpcio", "No module named grpc")

    monkeypatch.setattr(_connection, "check_dependencies", missing)
    assert in_use.participants_of(params) == []
    with pytest.raises(DependencyMissing):
        in_use.participants_of({"in_use_by": [{}], "force": False})
