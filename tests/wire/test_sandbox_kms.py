# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS is killed and comes back with what it had; a whole network does so too."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sandbox import topology_file
from sandbox.kms import Kms
from sandbox.kms_facts import KmsRefused
from sandbox.network import KMS, Network

_P256 = 4  # SIGNING_KEY_SPEC_EC_P256


def test_keys_outlive_the_kms_and_the_network(tmp_path: Path) -> None:
    topology = topology_file.check({"synchronizers": {"s": {}}, "kms": {"always": True}, "participants": {"one": {}}})
    state = tmp_path / "state"
    with Network(topology, state, logs=tmp_path) as network:
        place = network.info()["kms"]
        kms = Kms(place["endpoint"], place["region"])
        signing, encryption = kms.create_signing(_P256, "signs"), kms.create_encryption("encrypts")
        before = [kms.public_key(signing, "SIGN_VERIFY"), kms.public_key(encryption, "ENCRYPT_DECRYPT")]
        network.kill_node(KMS)
        with pytest.raises(KmsRefused):
            kms.public_key(signing, "SIGN_VERIFY")
        network.start_node(KMS)
        assert before == [kms.public_key(signing, "SIGN_VERIFY"), kms.public_key(encryption, "ENCRYPT_DECRYPT")]
        assert kms.sign(signing, _P256, b"something")
    assert stat.S_IMODE((state / "kms.keys").stat().st_mode) == 0o600
    with Network(topology, state, logs=tmp_path) as network:
        assert network.info()["kms"]["endpoint"] == place["endpoint"]
        assert Kms(place["endpoint"], place["region"]).public_key(signing, "SIGN_VERIFY") == before[0]
