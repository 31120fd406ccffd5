# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of AWS KMS."""

from __future__ import annotations

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.options import (
    CONNECTION_SPEC,
    KEEPING_SPEC,
    KEY_SPEC,
)


def test_secrets_are_not_logged() -> None:
    options = {**CONNECTION_SPEC, **KEY_SPEC, **KEEPING_SPEC}
    assert {name for name, option in options.items() if option.get("no_log")} == {
        "access_key",
        "secret_key",
        "session_token",
    }


def test_grants_have_one_kind_of_constraint() -> None:
    constraints = KEEPING_SPEC["grants"]["options"]["constraints"]
    assert [set(names) for names in constraints["mutually_exclusive"]] == [set(constraints["options"])]
