# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS KMS as the modules know it."""

from __future__ import annotations

from typing import Any

from unit.plugins.module_utils._kms.aws.support import CONNECTION

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.provider import AwsProvider


def test_info_compares_tags_as_texts(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "", {"n": "1"})
    found: Any = AwsProvider().info({**CONNECTION, "names": None, "tags": {"n": 1}}).result["keys"]
    assert [each["arn"] for each in found] == [arn]
    assert AwsProvider().info({**CONNECTION, "names": [arn], "tags": {"n": 2}}).result == {"keys": [], "missing": []}


def test_importer_gives_the_key_its_alias_last(keys: AwsKeys) -> None:
    params = {**CONNECTION, "alias": "one", "description": None, "tags": None, "wait_timeout": 1.0}
    importer = AwsProvider().importer(params)
    assert importer.named_last and "ec_curve25519" not in importer.specs
