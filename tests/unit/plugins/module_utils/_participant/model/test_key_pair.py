# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import PKCS8, KeyPair

SECRET = b"this is secret"


def pair(**values: Any) -> KeyPair:
    return KeyPair(
        **{
            "fingerprint": "1220aa",
            "purpose": "signing",
            "usage": (),
            "spec": "ec_p256",
            "format": PKCS8,
            "private": SECRET,
            **values,
        }
    )


@pytest.mark.parametrize("write", [copy.deepcopy, pickle.dumps])
def test_a_pair_is_not_copied(write: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="not copied"):
        write(pair())


def test_nothing_shows_the_private_key() -> None:
    assert "secret" not in f"{pair()} {pair()!r} {vars(pair())!r}"
    assert pair() == pair(private=b"another"), "it is compared by what is public"


def test_wiped_it_is_gone_wherever_it_was_handed_to() -> None:
    found = pair()
    handed = found.private_key()
    assert handed == SECRET
    found.wipe()
    assert handed == found.private_key() == b""
