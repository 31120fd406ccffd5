# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._api.wrapper import (
    package_id,
    topology_version,
    unwrap,
    unwrap_active_contract,
    unwrap_repair_contract,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError


def wrapped(data: bytes, version: int = 30) -> bytes:
    """``data`` is field 1 and the version field 2 of the wrapper (docs/canton/contracts.md#versioned-wrapper)."""
    return b"\x0a" + bytes([len(data)]) + data + b"\x10" + bytes([version])


def test_unwrap() -> None:
    assert unwrap(wrapped(b"inner"), "a thing") == b"inner"


def test_contract_inside_two_wrappings() -> None:
    assert unwrap_active_contract(wrapped(b"\x0a\x03abc")) == b"abc"


def test_versions_of_canton_2() -> None:
    assert unwrap(wrapped(b"inner", 2), "a thing", (0, 1, 2)) == b"inner"
    with pytest.raises(CantonError, match="a thing has proto version 3; this collection reads version 0, 1, 2"):
        unwrap(wrapped(b"inner", 3), "a thing", (0, 1, 2))


def test_version_of_the_transaction_inside_a_signed_one() -> None:
    inner = wrapped(b"anything", 3)
    assert topology_version(wrapped(b"\x0a" + bytes([len(inner)]) + inner, 0)) == 3


@pytest.mark.parametrize("raw", [wrapped(b"\x12\x01", 0), wrapped(b"\x1a\x07" + wrapped(b"\xff\xff", 1), 0)])
def test_repair_contract_that_cannot_be_read(raw: bytes) -> None:
    assert refused(lambda: unwrap_repair_contract(raw)).error_id == "wrapper_unreadable"


def test_package_id() -> None:
    assert package_id(b"\x1a\x03lf2\x22\x02ab") == "ab"
    with pytest.raises(CantonError, match="A package cannot be read"):
        package_id(b"\x22\xff")


@pytest.mark.parametrize(
    ("raw", "error_id", "cause"),
    [
        (wrapped(b"x", 31), "wrapper_version", "a contract record has proto version 31"),
        (b"\x0a\x01x", "wrapper_version", "proto version 0"),
        (b"\x0a\x7f", "wrapper_unreadable", "a contract record"),
        (wrapped(b"\xff\xff"), "wrapper_unreadable", "record cannot be read"),
    ],
)
def test_what_cannot_be_unwrapped(raw: bytes, error_id: str, cause: str) -> None:
    error = refused(lambda: unwrap_active_contract(raw))
    assert error.error_id == error_id and cause in error.message
