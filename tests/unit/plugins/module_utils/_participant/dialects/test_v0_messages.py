# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import UID, Node, descriptors

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects import v0_messages


@pytest.mark.parametrize("written", [UID, f"PAR::{UID}"])
def test_a_participant_is_written_with_and_without_its_kind(written: str) -> None:
    assert v0_messages.bare_uid(written) == UID


def test_the_own_id_is_asked_for_once() -> None:
    node = Node()
    assert node.speaker._uid() == node.speaker._uid() == UID
    assert len(node.api.requests("GetId")) == 1


@pytest.mark.parametrize("scheme", ["EcDsaP384", 99])
def test_a_scheme_that_is_newer_than_this_code_is_told_and_not_guessed(scheme: Any) -> None:
    message = descriptors("2.10").message("com.digitalasset.canton.crypto.v0.PublicKey")
    key = {"id": "1220aa", "scheme": scheme, "format": "Der", "public_key": b"k"}
    found = v0_messages.key_of(message(signing_public_key=key), "mine", "wrapper")
    assert found.spec == ("unknown" if scheme == 99 else "ec_p384")
    assert (found.fingerprint, found.name, found.der, found.wrapper_key_id) == ("1220aa", "mine", b"k", "wrapper")
