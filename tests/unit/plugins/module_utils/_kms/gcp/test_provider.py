# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_info against a GCP KMS inside the test process."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._kms.gcp.support import RING, Gcp

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError


def found_by(outcome: Any) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = outcome.result["keys"]
    return shown


def test_named_keys_come_in_their_order(cloud: Gcp) -> None:
    for name in ("a", "b"):
        cloud.run(name=name, purpose="namespace")
    outcome = cloud.info(names=["b", "none", "a"])
    assert [key["key_id"] for key in found_by(outcome)] == ["b", "a"]
    assert outcome.result["missing"] == ["none"] and not outcome.changed
    assert found_by(outcome)[0]["policy"] == {"version": 1, "bindings": []}


def test_all_keys_with_a_label(cloud: Gcp) -> None:
    cloud.run(name="a", purpose="wrapper", labels={"participant": "p1", "x": "y"})
    cloud.run(name="b", purpose="namespace", labels={"participant": "p2"})
    assert [key["key_id"] for key in found_by(cloud.info(labels={"participant": "p1"}))] == ["a"]
    assert len(found_by(cloud.info())) == 2


def test_keys_that_are_not_for_canton_are_shown_as_they_are(cloud: Gcp) -> None:
    cloud.service.add_foreign(RING, "mac", "MAC", "HMAC_SHA256")
    (key,) = found_by(cloud.info())
    assert (key["spec"], key["usage"], key["public_key_pem"]) == ("hmac_sha256", "mac", None)
    assert cloud.refused(name="mac", purpose="namespace").error_id == "key_spec_mismatch"
    assert cloud.refused(name="mac", probe=True).error_id == "key_spec_unfit"


def test_what_may_not_be_read_is_told(cloud: Gcp) -> None:
    cloud.run(name="a", purpose="namespace")
    cloud.service.faults.denied = {"cryptoKeys.getIamPolicy"}
    outcome = cloud.info()
    assert found_by(outcome)[0]["policy"] is None and "cloudkms.cryptoKeys.getIamPolicy" in outcome.warnings[0]
    cloud.service.faults.denied = {"cryptoKeyVersions.viewPublicKey"}
    outcome = cloud.info()
    assert found_by(outcome) == [] and "viewPublicKey" in outcome.warnings[0]
    with pytest.raises(CantonError, match="viewPublicKey"):
        cloud.info(names=["a"])
    with pytest.raises(CantonError, match="tags is an option of AWS"):
        cloud.info(tags={"a": "b"})
