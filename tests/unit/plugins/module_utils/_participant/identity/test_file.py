# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.identity import file
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.identity.initialisation import (
    OldIdentity,
    OldKey,
)

KEYS = (
    OldKey("1220aa", "namespace", ("namespace",), "ec_p256", "root"),
    OldKey("1220bb", "encryption", (), "rsa", "e"),
)
IDENTITY = OldIdentity("old::1220aa", KEYS, ("1220bb",), (b"certificate", b"mapping"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(json.dumps(file.as_values(IDENTITY)))
    assert file.read(str(tmp_path / "f")) == IDENTITY


@pytest.mark.parametrize(
    ("change", "error_id"),
    [
        ({"format": "something else"}, "identity_file_foreign"),
        ({"version": 2}, "identity_file_foreign"),
        ({"signed": file.as_values(IDENTITY)["signed"][:1]}, "identity_file_damaged"),
        ({"signed": ["%"]}, "identity_file_damaged"),
        ({"keys": []}, "identity_file_damaged"),
        ({"keys": [{}]}, "identity_file_damaged"),
        ({"uid": "old"}, "identity_file_damaged"),
        ({"sha256": "0"}, "identity_file_damaged"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, change: dict[str, Any], error_id: str) -> None:
    (tmp_path / "f").write_text(json.dumps({**file.as_values(IDENTITY), **change}))
    error = refused(lambda: file.read(str(tmp_path / "f")))
    assert error.error_id == error_id and str(tmp_path / "f") in error.message and "state recorded" in error.hint
