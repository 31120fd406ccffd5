# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key destroys no key in GCP KMS that a participant lists."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest
from unit.plugins.module_utils._kms.gcp.support import RING, Gcp, key_of

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection


@pytest.mark.parametrize(
    "known_as", ["key", f"{RING}/cryptoKeys/key/cryptoKeyVersions/1", f"{RING}/cryptoKeys/key", None]
)
def test_key_that_a_participant_lists_is_not_destroyed(
    cloud: Gcp, monkeypatch: pytest.MonkeyPatch, known_as: str | None
) -> None:
    der = base64.b64decode(key_of(cloud.run(purpose="namespace"))["public_key_der"])
    listed = SimpleNamespace(kms_key_id=known_as, wrapper_key_id=None, der=b"" if known_as else der)
    node = SimpleNamespace(identity=lambda: SimpleNamespace(uid="node::1220"), own_keys=lambda: [listed])
    monkeypatch.setattr(_connection, "participant_of", lambda _options, _label: node)
    for check in (True, False):
        error = cloud.refused(check=check, state="absent", in_use_by=[{}])
        assert error.error_id == "key_in_use" and "node::1220" in error.message
    assert cloud.service.calls["DestroyCryptoKeyVersion"] == 0
    assert cloud.run(state="absent", in_use_by=[{}], force=True).changed
