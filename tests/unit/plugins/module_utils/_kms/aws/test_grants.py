# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Grants: what is asked, what is there, and what has to be done."""

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.grants import check_fit, planned, unwanted
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Grant

NODE = "arn:aws:iam::111122223333:role/canton"


ONE, TWO, NAMELESS = Grant("one", NODE, ("Sign",)), Grant("two", NODE, ("Sign",)), Grant("", NODE, ("Sign",))


OTHER_ONE = Grant("one", NODE, ("DescribeKey", "Sign"))


@pytest.mark.parametrize(
    ("there", "wanted", "purge", "plan", "gone"),
    [
        ([], [ONE], False, [ONE], []),
        ([ONE, TWO, NAMELESS], [ONE], False, [ONE, TWO, NAMELESS], []),
        ([ONE, TWO, NAMELESS], [ONE], True, [ONE], [TWO, NAMELESS]),
        ([ONE, TWO], [OTHER_ONE], False, [OTHER_ONE, TWO], [ONE]),
        ([ONE, OTHER_ONE], [OTHER_ONE], False, [OTHER_ONE], [ONE]),
        ([ONE, TWO], [], True, [], [ONE, TWO]),
    ],
)
def test_the_way_there(
    there: list[Grant], wanted: list[Grant], purge: bool, plan: list[Grant], gone: list[Grant]
) -> None:
    assert list(planned(there, wanted, purge=purge)) == plan
    assert unwanted(there, plan) == gone


@pytest.mark.parametrize(
    ("operation", "kinds"),
    [
        ("GetPublicKey", {"ec_p256", "rsa_2048"}),
        ("Sign", {"ec_p256"}),
        ("Decrypt", {"rsa_2048", "symmetric"}),
        ("GenerateDataKey", {"symmetric"}),
        ("DescribeKey", {"ec_p256", "rsa_2048", "symmetric"}),
    ],
)
def test_operations_of_each_kind_of_key(operation: str, kinds: set[str]) -> None:
    usages = {"ec_p256": "sign_verify", "rsa_2048": "encrypt_decrypt", "symmetric": "encrypt_decrypt"}
    fit = set()
    for spec, usage in usages.items():
        try:
            check_fit([Grant("g", NODE, (operation,))], spec, usage)
            fit.add(spec)
        except CantonError as exc:
            assert exc.error_id == "grant_unfit"
            assert operation in exc.message
    assert fit == kinds
