# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a key in GCP KMS looks like to this collection."""

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import model


@pytest.mark.parametrize(("spec", "algorithm"), model.ALGORITHMS.items())
def test_specs_go_both_ways(spec: str, algorithm: str) -> None:
    assert model.spec_of(algorithm) == spec
    assert model.usage_of(model.purpose_of(spec)) == ("sign_verify" if spec.startswith("ec_") else "encrypt_decrypt")


def test_words_that_are_not_ours_stay_googles() -> None:
    assert (model.spec_of("HMAC_SHA256"), model.usage_of("MAC"), model.state_of("ENABLED")) == (
        "hmac_sha256",
        "mac",
        "enabled",
    )
    assert model.state_of("DESTROY_SCHEDULED") == "pending_deletion"


def test_names_of_a_ring_and_its_keys() -> None:
    ring = model.ring("p-1", "europe-west3", "canton")
    assert ring.key("a") == "projects/p-1/locations/europe-west3/keyRings/canton/cryptoKeys/a"
    with pytest.raises(CantonError, match="location of a key"):
        model.ring("p-1", "locations/x", "canton")
    with pytest.raises(CantonError, match="name of a key"):
        model.key_name(ring.key("a"))


def test_part_of_a_day_is_a_day() -> None:
    assert [model.days(seconds) for seconds in (0, 1, model.DAY, model.DAY + 1)] == [0, 1, 1, 2]


def test_result_names_the_key_as_gcp_does() -> None:
    shown = model.GcpKey("enabled", "ec_p256", "sign_verify", {"n": "1"}, "a", "ring/a", destroy_days=30).as_result()
    assert (shown["resource_name"], shown["labels"], shown["destroy_scheduled_duration"]) == ("ring/a", {"n": "1"}, 30)
    assert (shown["arn"], shown["tags"], shown["replicas"]) == (None, None, [])
