# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of GCP KMS that are throttled, lost or damaged, and probes."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._kms.gcp.support import Gcp, key_of


@pytest.mark.parametrize("spec", ["ec_p384", "ec_secp256k1", "ec_curve25519"])
def test_other_signing_keys(cloud: Gcp, spec: str) -> None:
    done = cloud.run(spec=spec, purpose="namespace", probe=True)
    assert (key_of(done)["spec"], done.result["probe"]) == (spec, "sign_verify")
    assert bool(done.warnings) == (spec == "ec_curve25519")
    assert not cloud.run(purpose="protocol").changed


def test_throttling_passes_or_is_told(cloud: Gcp) -> None:
    cloud.service.faults.throttled.update(GetCryptoKey=2, CreateCryptoKey=1)
    cloud.run(purpose="namespace")
    cloud.service.faults.throttled.update(GetCryptoKey=100)
    error = cloud.refused(purpose="namespace")
    assert error.error_id == "RESOURCE_EXHAUSTED" and error.retryable and "lower forks" in error.hint


def test_creation_whose_answer_is_lost_is_carried_on_with(cloud: Gcp) -> None:
    cloud.service.faults.lost["CreateCryptoKey"] = 1
    assert cloud.refused(purpose="namespace").retryable
    assert key_of(cloud.run(purpose="namespace"))["state"] == "enabled"
    assert cloud.service.calls["CreateCryptoKey"] == 1


def test_damaged_and_wrong_answers(cloud: Gcp) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.damaged = True
    assert cloud.refused().error_id == "answer_damaged"
    cloud.service.faults.damaged, cloud.service.faults.wrong_answers = False, True
    assert cloud.refused(probe=True).error_id == "probe_failed"
    cloud.service.faults.wrong_answers, cloud.service.faults.wrong_public_key = False, True
    assert cloud.refused(probe=True).error_id == "probe_failed"
