# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key into a KMS of Google that really unwraps, inside the test process. With a participant it is tried in tests/wire."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from unit.plugins.module_utils._kms.gcp.support import RING, Gcp
from unit.plugins.module_utils._kms.support import Exporting

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.importer import GcpImporter, open_importer
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import ALGORITHMS
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.material import Imported, import_key
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import MARK, DesiredKey
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import kms_key_material
from sandbox.kms.gcp import crypto

ARN = f"{RING}/cryptoKeys/key"


class Pair:
    """A key of a participant: what it lists, and what it exports."""

    def __init__(self, spec: str = "ec_p256") -> None:
        key = crypto.generate(ALGORITHMS[spec])
        pkcs8 = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.private: bytes = key.private_bytes(*pkcs8)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public: bytes = key.public_key().public_bytes(serialization.Encoding.DER, form)
        self.fingerprint = fingerprint(spec, self.public)
        usage = "encrypt_decrypt" if spec == "rsa_2048" else "sign_verify"
        self.desired = DesiredKey(self.fingerprint, spec, usage, self.public, "key of the old node")
        self.export = Exporting(self.private, fingerprint=self.fingerprint, spec=spec)


OLD = Pair()


def importer(cloud: Gcp, **more: Any) -> GcpImporter:
    return open_importer(cloud.params(kms_key_material.SPEC, **{"name": "key", "wait_timeout": 2.0, **more}))


def go(cloud: Gcp, pair: Pair = OLD, check: bool = False, **more: Any) -> Imported:
    return import_key(importer(cloud, **more), pair.desired, pair.export, timeout=2.0, check=check)


def refused(cloud: Gcp, pair: Pair = OLD, **more: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        go(cloud, pair, **more)
    error = caught.value
    assert error.hint and pair.export.wiped
    assert pair.private.hex() not in f"{error!s} {error.details} {error.__cause__!r} {error.__context__!r}"
    return error


@pytest.mark.parametrize("spec", ["ec_p256", "ec_p384", "ec_secp256k1", "ec_curve25519", "rsa_2048"])
def test_every_kind_goes_in_once(cloud: Gcp, spec: str) -> None:
    pair = Pair(spec)
    said, done = go(cloud, pair, check=True), go(cloud, pair)
    again = go(cloud, pair)
    assert (said.before, said.after, said.imported, done.imported) == (done.before, done.after, True, True)
    assert again.before == again.after == done.after and not again.imported
    assert len(pair.export.given) == 1 and pair.export.wiped
    shown = done.key.as_result()
    assert (shown["state"], shown["spec"], shown["origin"], shown["key_id"]) == ("enabled", spec, "external", "key")
    assert shown["fingerprint"] == pair.fingerprint
    assert shown["labels"] == {MARK: pair.fingerprint[:63]}
    key = cloud.service.keys[ARN]
    assert key.shown.import_only and [each.shown.name for each in key.versions] == [f"{ARN}/cryptoKeyVersions/1"]


def test_one_import_job_does_for_several_keys(cloud: Gcp) -> None:
    for name in ("a", "b"):
        go(cloud, Pair(), name=name)
    assert len(cloud.service.jobs) == 1
    go(cloud, Pair(), name="soft", protection_level="software")
    assert len(cloud.service.jobs) == 2
    cloud.service.expire_jobs()
    go(cloud, Pair(), name="c")
    assert len(cloud.service.jobs) == 3
    cloud.service.faults.denied = {"importJobs.list"}
    go(cloud, Pair(), name="d")
    assert len(cloud.service.jobs) == 4


def test_labels_are_kept_and_given_later(cloud: Gcp) -> None:
    go(cloud, labels={"a": "1"})
    assert go(cloud, labels={"b": "2"}).after["labels"] == {"a": "1", "b": "2", MARK: OLD.fingerprint[:63]}
    assert cloud.service.calls["ImportCryptoKeyVersion"] == 1


def test_failed_import_says_why_and_is_made_again_in_the_same_version(cloud: Gcp) -> None:
    cloud.service.faults.import_fails = "the HSM is tired"
    error = refused(cloud)
    assert error.error_id == "key_import_failed" and "the HSM is tired" in error.message
    assert "resumes with it" in error.hint and "no alias" not in error.hint
    cloud.service.faults.import_fails = ""
    assert go(cloud).imported
    assert len(cloud.service.keys[ARN].versions) == 1


@pytest.mark.parametrize("method", ["CreateCryptoKey", "CreateImportJob", "ImportCryptoKeyVersion"])
def test_answer_that_is_lost(cloud: Gcp, method: str) -> None:
    cloud.service.faults.lost[method] = 1
    if method == "ImportCryptoKeyVersion":
        # what came of it is seen in the key
        assert go(cloud).imported
    else:
        assert refused(cloud).error_id == "UNAVAILABLE"
        assert go(cloud).imported
    assert len(cloud.service.keys[ARN].versions) == 1


def test_slow_import_is_waited_for(cloud: Gcp) -> None:
    cloud.service.faults.import_reads = 3
    assert go(cloud).imported
    cloud.service.faults.import_reads = 1000
    other = Pair()
    error = refused(cloud, other, name="slow", wait_timeout=0.05)
    assert error.error_id == "change_not_visible" and error.retryable
    cloud.service.keys[f"{RING}/cryptoKeys/slow"].versions[0].reads = 1
    assert not go(cloud, other, name="slow").imported


def test_wrong_public_key_costs_the_name(cloud: Gcp) -> None:
    cloud.service.faults.wrong_public_key = True
    error = refused(cloud)
    assert error.error_id == "public_key_mismatch" and "name is used up" in error.hint
    assert cloud.service.keys[ARN].versions[0].shown.state.name == "DESTROY_SCHEDULED"
    cloud.service.faults.wrong_public_key = False
    assert refused(cloud).error_id == "key_pending_deletion"

    cloud.service.faults.wrong_public_key = True
    cloud.service.faults.denied = {"cryptoKeyVersions.destroy"}
    assert "is disabled" in refused(cloud, name="two").hint
    cloud.service.faults.denied |= {"cryptoKeyVersions.update"}
    assert "do not give it to a node" in refused(cloud, name="three").hint


def test_version_of_another_number_is_refused(cloud: Gcp) -> None:
    mine, pair = importer(cloud), Pair()
    key = mine.create(pair.desired)
    go(cloud, pair)
    with pytest.raises(CantonError, match="version 2") as caught:
        mine.send(key, bytearray(pair.private))
    assert caught.value.error_id == "key_version_unfit" and "Version 2 is being destroyed" in caught.value.hint
    states = [each.shown.state.name for each in cloud.service.keys[ARN].versions]
    assert states == ["ENABLED", "DESTROY_SCHEDULED"]


def test_name_of_another_key_is_not_taken(cloud: Gcp) -> None:
    go(cloud)
    assert refused(cloud, Pair()).error_id == "key_differs"
    assert refused(cloud, Pair("rsa_2048")).error_id == "key_spec_mismatch"
    assert refused(cloud, protection_level="software").error_id == "key_spec_mismatch"
    cloud.run(name="made", purpose="namespace")
    assert refused(cloud, name="made").error_id == "key_differs"
    importer(cloud, name="waiting").create(OLD.desired)
    assert refused(cloud, Pair(), name="waiting").error_id == "key_differs"


def test_missing_ring_and_impossible_keys_are_refused_before_the_export(cloud: Gcp) -> None:
    pair = Pair("ec_secp256k1")
    assert refused(cloud, pair, protection_level="software").error_id == "protection_level_unfit"
    cloud.service.rings.clear()
    assert refused(cloud, pair).error_id == "key_ring_not_found"
    assert not pair.export.given
    assert go(cloud, pair, create_key_ring=True).imported


@pytest.mark.parametrize(
    "permission",
    ["cryptoKeys.create", "importJobs.create", "importJobs.get", "importJobs.useToImport", "cryptoKeyVersions.create"],
)
def test_missing_permission_is_named(cloud: Gcp, permission: str) -> None:
    cloud.service.faults.denied = {permission}
    error = refused(cloud)
    assert (error.error_id, error.details["action"]) == ("PERMISSION_DENIED", f"cloudkms.{permission}")
    cloud.service.faults.denied = set()
    assert go(cloud).imported


def test_job_that_ends_in_between(cloud: Gcp) -> None:
    mine = importer(cloud)
    job = mine._job("hsm")
    cloud.service.expire_jobs()
    key = mine.create(OLD.desired)
    with pytest.raises(CantonError, match="not active"):
        mine._keys.import_version(str(key.full_name), None, ALGORITHMS["ec_p256"], job.name, b"")
    assert go(cloud).imported
