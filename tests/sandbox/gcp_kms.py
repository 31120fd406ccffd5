# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A KMS of Google on the loopback: gRPC with google-cloud-kms's own messages, real keys, Google's states and refusals.

There is no emulator of it to be had (docs/canton/kms-gcp.md#no-emulator). Only what this collection and Canton call is served.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography.exceptions import InvalidTag
from google.cloud import kms_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2

from sandbox import gcp_crypto
from sandbox.gcp_rules import (
    LOCATIONS,
    PERMISSIONS,
    ROLE,
    Faults,
    Refused,
    check_key,
    check_settings,
    check_sum,
    invalid,
    missing,
    subject,
    wrong_state,
)

# its classes take and give other types than those of their fields
kms: Any = kms_v1
_State = kms.CryptoKeyVersion.CryptoKeyVersionState
_JobState = kms.ImportJob.ImportJobState
_DEFAULT_WAIT = timedelta(days=30)


@dataclass
class _Version:
    shown: Any
    material: Any = None
    once_had: str = ""  # the public key of what was imported: another one is refused for ever
    reads: int = 0
    becomes: Any = None
    why: str = ""


@dataclass
class _Key:
    shown: Any
    versions: list[_Version] = field(default_factory=list)
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)


@dataclass
class _Job:
    shown: Any
    material: Any
    reads: int = 0


class GcpKms:
    """All resources of all projects, and the calls. ``calls`` counts them by method, refused ones included."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.rings: set[str] = set()
        self.keys: dict[str, _Key] = {}
        self.jobs: dict[str, _Job] = {}
        self._changes = 0
        self._lock = threading.Lock()

    # -- calls ------------------------------------------------------------------------------------------------------

    def answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            with self._lock:
                self.calls[method] += 1
                self._before(method, request)
                answer = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower())(request)
                if self.faults.lost[method] > 0:
                    self.faults.lost[method] -= 1
                    raise Refused(grpc.StatusCode.UNAVAILABLE, "Connection closed")
                return answer
        except Refused as refused:
            context.abort(refused.code, refused.text)

    def _before(self, method: str, request: Any) -> None:
        faults = self.faults
        if faults.unauthenticated:
            raise Refused(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                "authentication credential.",
            )
        if faults.api_off:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED,
                "Cloud Key Management Service (KMS) API has not been used in project 1 before or it is disabled.",
            )
        if faults.throttled[method] > 0:
            faults.throttled[method] -= 1
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Read requests'.")
        name = subject(request)
        location = name.split("/")[3]
        if location not in LOCATIONS:
            raise invalid(
                f"The request concerns location '{location}' but was sent to location 'global'. Either Cloud KMS is not "
                f"available in '{location}' or the request was misrouted."
            )
        if PERMISSIONS[method] in faults.denied:
            self._deny(PERMISSIONS[method], name)

    def _deny(self, permission: str, name: str) -> None:
        text = f"Permission 'cloudkms.{permission}' denied on resource '{name}' (or it may not exist)."
        raise Refused(grpc.StatusCode.PERMISSION_DENIED, text)

    # -- rings and keys ---------------------------------------------------------------------------------------------

    def _get_key_ring(self, request: Any) -> Any:
        if request.name not in self.rings:
            raise missing(request.name)
        return kms.KeyRing(name=request.name)

    def _create_key_ring(self, request: Any) -> Any:
        name = f"{request.parent}/keyRings/{request.key_ring_id}"
        if name in self.rings:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"KeyRing {name} already exists.")
        self.rings.add(name)
        return kms.KeyRing(name=name)

    def _key(self, name: str) -> _Key:
        if name not in self.keys:
            raise missing(name)
        return self.keys[name]

    def _list_crypto_keys(self, request: Any) -> Any:
        self._get_key_ring(kms.GetKeyRingRequest(name=request.parent))
        found = [self._shown(key) for name, key in sorted(self.keys.items()) if name.startswith(request.parent + "/")]
        return kms.ListCryptoKeysResponse(crypto_keys=found, total_size=len(found))

    def _get_crypto_key(self, request: Any) -> Any:
        return self._shown(self._key(request.name))

    def _shown(self, key: _Key) -> Any:
        shown = kms.CryptoKey(key.shown)
        if shown.purpose.name == "ENCRYPT_DECRYPT" and key.versions:
            shown.primary = key.versions[-1].shown
        return shown

    def _create_crypto_key(self, request: Any) -> Any:
        self._get_key_ring(kms.GetKeyRingRequest(name=request.parent))
        name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        if name in self.keys:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"CryptoKey {name} already exists.")
        shown = kms.CryptoKey(request.crypto_key)
        check_key(request.crypto_key_id, shown, request.skip_initial_version_creation)
        shown.name = name
        shown.create_time = datetime.now(UTC)
        if not shown.destroy_scheduled_duration:
            shown.destroy_scheduled_duration = _DEFAULT_WAIT
        if not shown.version_template.protection_level:
            shown.version_template.protection_level = kms.ProtectionLevel.SOFTWARE
        key = self.keys[name] = _Key(shown)
        if not request.skip_initial_version_creation:
            self._new_version(key)
        return self._shown(key)

    def _new_version(self, key: _Key) -> _Version:
        template = key.shown.version_template
        version = self._add(key, template.algorithm, template.protection_level)
        version.material = gcp_crypto.generate(template.algorithm.name)
        if template.algorithm.name == gcp_crypto.SYMMETRIC:
            version.shown.state = _State.ENABLED
        else:
            version.shown.state = _State.PENDING_GENERATION
            version.reads = self.faults.generation_reads
            version.becomes = _State.GENERATION_FAILED if self.faults.generation_fails else _State.ENABLED
            version.why = self.faults.generation_fails
        return version

    def add_foreign(self, ring: str, key_id: str, purpose: str, algorithm: str) -> None:
        """A key of a kind that Canton has no use for, and that can't be used here either."""
        template = {"algorithm": algorithm, "protection_level": "SOFTWARE"}
        name = f"{ring}/cryptoKeys/{key_id}"
        key = self.keys[name] = _Key(kms.CryptoKey({"name": name, "purpose": purpose, "version_template": template}))
        self._add(key, algorithm, "SOFTWARE").shown.state = _State.ENABLED

    def rotate(self, name: str) -> None:
        """What Google does by itself when it is time."""
        with self._lock:
            self._new_version(self.keys[name])

    def _add(self, key: _Key, algorithm: Any, level: Any) -> _Version:
        shown = kms.CryptoKeyVersion(
            name=f"{key.shown.name}/cryptoKeyVersions/{len(key.versions) + 1}",
            algorithm=algorithm,
            protection_level=level,
            create_time=datetime.now(UTC),
        )
        version = _Version(shown)
        key.versions.append(version)
        return version

    def _update_crypto_key(self, request: Any) -> Any:
        key = self._key(request.crypto_key.name)
        paths = set(request.update_mask.paths)
        if not paths or paths - {"labels", "rotation_period", "next_rotation_time"}:
            raise invalid(f"Invalid update mask: {sorted(paths)}.")
        changed = kms.CryptoKey(key.shown)
        if "labels" in paths:
            changed.labels = dict(request.crypto_key.labels)
        if "rotation_period" in paths:
            changed.rotation_period = request.crypto_key.rotation_period
        if "next_rotation_time" in paths:
            changed.next_rotation_time = request.crypto_key.next_rotation_time
        check_settings(changed)
        key.shown = changed
        return self._shown(key)

    # -- versions ---------------------------------------------------------------------------------------------------

    def _version(self, name: str) -> _Version:
        key = self._key(name.rpartition("/cryptoKeyVersions/")[0])
        for version in key.versions:
            if version.shown.name == name:
                return version
        raise missing(name)

    def _read(self, version: _Version) -> Any:
        """As it is now; what is pending becomes ready by being read often enough."""
        seen = kms.CryptoKeyVersion(version.shown)
        if version.becomes is not None:
            if version.reads <= 0:
                self._ripen(version)
                return kms.CryptoKeyVersion(version.shown)
            version.reads -= 1
        return seen

    def _ripen(self, version: _Version) -> None:
        version.shown.state, version.becomes = version.becomes, None
        if version.shown.state == _State.IMPORT_FAILED:
            version.shown.import_failure_reason = version.why
        elif version.shown.state == _State.GENERATION_FAILED:
            version.shown.generation_failure_reason = version.why

    def _list_crypto_key_versions(self, request: Any) -> Any:
        found = [self._read(version) for version in self._key(request.parent).versions]
        return kms.ListCryptoKeyVersionsResponse(crypto_key_versions=found, total_size=len(found))

    def _get_crypto_key_version(self, request: Any) -> Any:
        return self._read(self._version(request.name))

    def _update_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.crypto_key_version.name)
        state = request.crypto_key_version.state
        if list(request.update_mask.paths) != ["state"] or state not in (_State.ENABLED, _State.DISABLED):
            raise invalid("Only the state can be updated, to ENABLED or DISABLED.")
        if version.shown.state not in (_State.ENABLED, _State.DISABLED):
            raise wrong_state(version.shown.name, "enabled or disabled", version.shown.state)
        version.shown.state = state
        return version.shown

    def _destroy_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.state not in (_State.ENABLED, _State.DISABLED):
            raise wrong_state(request.name, "enabled or disabled", version.shown.state)
        key = self._key(request.name.rpartition("/cryptoKeyVersions/")[0])
        version.shown.state = _State.DESTROY_SCHEDULED
        version.shown.destroy_time = datetime.now(UTC) + key.shown.destroy_scheduled_duration
        return version.shown

    def _restore_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.state != _State.DESTROY_SCHEDULED:
            raise wrong_state(request.name, "scheduled for destruction", version.shown.state)
        version.shown.state = _State.DISABLED
        version.shown.destroy_time = None
        return version.shown

    def let_time_pass(self, name: str) -> None:
        """What Google does to the versions of a key when their time to be restored is over."""
        with self._lock:
            for version in self.keys[name].versions:
                if version.shown.state == _State.DESTROY_SCHEDULED:
                    version.shown.state, version.material = _State.DESTROYED, None
                    version.shown.destroy_time = None

    # -- use --------------------------------------------------------------------------------------------------------

    def _usable(self, name: str, purpose: str) -> _Version:
        version = self._version(name)
        if gcp_crypto.PURPOSES[version.shown.algorithm.name] != purpose:
            raise invalid(f"{name} is not of purpose {purpose}.")
        if version.shown.state != _State.ENABLED:
            raise wrong_state(name, "enabled", version.shown.state)
        return version

    def _get_public_key(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.algorithm.name == gcp_crypto.SYMMETRIC:
            raise invalid(f"{request.name} has no public key.")
        if version.shown.state != _State.ENABLED:
            raise wrong_state(request.name, "enabled", version.shown.state)
        algorithm = version.shown.algorithm
        key = gcp_crypto.generate(algorithm.name) if self.faults.wrong_public_key else version.material
        pem = gcp_crypto.public_pem(key)
        return kms.PublicKey(
            pem=pem,
            algorithm=algorithm,
            pem_crc32c=self._checksum(pem.encode()),
            name=request.name,
            protection_level=version.shown.protection_level,
        )

    def _checksum(self, data: bytes) -> int:
        return gcp_crypto.crc32c(data) ^ (1 if self.faults.damaged else 0)

    def _asymmetric_sign(self, request: Any) -> Any:
        version = self._usable(request.name, "ASYMMETRIC_SIGN")
        algorithm = version.shown.algorithm.name
        digest = request.digest.sha256 or request.digest.sha384 or request.digest.sha512 or None
        if digest is not None and len(digest) != gcp_crypto.digest_bytes(algorithm):
            raise invalid("The digest is not of the algorithm's kind.")
        if (digest is None) == (not request.data):
            raise invalid("Either data or digest has to be given.")
        check_sum("data", request.data, request.data_crc32c)
        data = b"other" + request.data if self.faults.wrong_answers else request.data
        signature = gcp_crypto.sign(version.material, algorithm, data, digest)
        return kms.AsymmetricSignResponse(
            signature=signature,
            signature_crc32c=self._checksum(signature),
            verified_data_crc32c=request.data_crc32c is not None,
            name=request.name,
        )

    def _asymmetric_decrypt(self, request: Any) -> Any:
        version = self._usable(request.name, "ASYMMETRIC_DECRYPT")
        check_sum("ciphertext", request.ciphertext, request.ciphertext_crc32c)
        try:
            plaintext = gcp_crypto.decrypt(version.material, request.ciphertext)
        except ValueError:
            raise invalid("Decryption failed: the ciphertext is invalid.") from None
        return kms.AsymmetricDecryptResponse(
            plaintext=plaintext,
            plaintext_crc32c=self._checksum(plaintext),
            verified_ciphertext_crc32c=request.ciphertext_crc32c is not None,
        )

    def _encrypt(self, request: Any) -> Any:
        key = self._key(request.name)
        if not key.versions:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{request.name} has no primary version.")
        version = self._usable(key.versions[-1].shown.name, "ENCRYPT_DECRYPT")
        check_sum("plaintext", request.plaintext, request.plaintext_crc32c)
        sealed = gcp_crypto.seal(version.material, len(key.versions), request.plaintext)
        return kms.EncryptResponse(
            name=version.shown.name,
            ciphertext=sealed,
            ciphertext_crc32c=self._checksum(sealed),
            verified_plaintext_crc32c=request.plaintext_crc32c is not None,
        )

    def _decrypt(self, request: Any) -> Any:
        number = gcp_crypto.sealed_with(request.ciphertext)
        version = self._usable(f"{request.name}/cryptoKeyVersions/{number}", "ENCRYPT_DECRYPT")
        try:
            plaintext = gcp_crypto.open_sealed(version.material, request.ciphertext)
        except InvalidTag:
            raise invalid("Decryption failed: the ciphertext is invalid.") from None
        return kms.DecryptResponse(plaintext=plaintext, plaintext_crc32c=self._checksum(plaintext))

    # -- import -----------------------------------------------------------------------------------------------------

    def _list_import_jobs(self, request: Any) -> Any:
        found = [job.shown for name, job in sorted(self.jobs.items()) if name.startswith(request.parent + "/")]
        return kms.ListImportJobsResponse(import_jobs=found, total_size=len(found))

    def _create_import_job(self, request: Any) -> Any:
        name = f"{request.parent}/importJobs/{request.import_job_id}"
        if name in self.jobs:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"ImportJob {name} already exists.")
        shown = kms.ImportJob(request.import_job)
        if shown.import_method.name != "RSA_OAEP_4096_SHA256_AES_256" or not shown.protection_level:
            raise invalid("import_method and protection_level are required.")
        shown.name = name
        shown.state = _JobState.PENDING_GENERATION
        shown.create_time = datetime.now(UTC)
        shown.expire_time = datetime.now(UTC) + timedelta(days=3)
        self.jobs[name] = _Job(shown, _wrapping_key(), 1)
        return shown

    def _get_import_job(self, request: Any) -> Any:
        if request.name not in self.jobs:
            raise missing(request.name)
        job = self.jobs[request.name]
        if job.shown.state == _JobState.PENDING_GENERATION:
            if job.reads <= 0:
                job.shown.state = _JobState.ACTIVE
                job.shown.public_key = kms.ImportJob.WrappingPublicKey(pem=gcp_crypto.public_pem(job.material))
            job.reads -= 1
        return job.shown

    def expire_jobs(self) -> None:
        for job in self.jobs.values():
            job.shown.state = _JobState.EXPIRED

    def _import_crypto_key_version(self, request: Any) -> Any:
        key = self._key(request.parent)
        if "cryptoKeyVersions.create" in self.faults.denied:
            self._deny("cryptoKeyVersions.create", request.parent)
        job = self.jobs.get(request.import_job)
        if job is None:
            raise missing(request.import_job)
        if job.shown.state != _JobState.ACTIVE:
            raise wrong_state(request.import_job, "active", job.shown.state)
        level = key.shown.version_template.protection_level
        if job.shown.protection_level != level:
            raise invalid("The protection levels of the ImportJob and the CryptoKey do not match.")
        if gcp_crypto.PURPOSES[request.algorithm.name] != key.shown.purpose.name:
            raise invalid("The algorithm does not fit the purpose of the CryptoKey.")
        version = self._target(key, request, level)
        version.shown.state = _State.PENDING_IMPORT
        version.shown.import_job = request.import_job
        version.shown.import_failure_reason = ""
        version.reads, version.becomes = self.faults.import_reads, _State.ENABLED
        version.why = self.faults.import_fails or self._take(version, job, request)
        if version.why:
            version.becomes = _State.IMPORT_FAILED
        return version.shown

    def _target(self, key: _Key, request: Any, level: Any) -> _Version:
        if not request.crypto_key_version:
            return self._add(key, request.algorithm, level)
        version = self._version(request.crypto_key_version)
        if version.shown.state not in (_State.IMPORT_FAILED, _State.DESTROYED) or not version.shown.import_job:
            raise wrong_state(request.crypto_key_version, "eligible for reimport", version.shown.state)
        return version

    def _take(self, version: _Version, job: _Job, request: Any) -> str:
        """Keep the material, or say why not, in Google's words."""
        try:
            key = gcp_crypto.unwrap(job.material, request.wrapped_key or request.rsa_aes_wrapped_key)
        except Exception:
            return "The key material in the import request couldn't be unwrapped or wasn't formatted correctly"
        if not gcp_crypto.fits(key, version.shown.algorithm.name):
            return "An argument to the import operation was malformed"
        known = gcp_crypto.public_pem(key)
        if version.once_had not in ("", known):
            return "The key material does not match the previous key material of the version"
        version.material, version.once_had = key, known
        return ""

    # -- policies ---------------------------------------------------------------------------------------------------

    def _get_iam_policy(self, request: Any) -> Any:
        policy = policy_pb2.Policy()
        policy.CopyFrom(self._key(request.resource).policy)
        policy.etag = policy.etag or b"ACAB"
        if request.options.requested_policy_version < 3 and any(each.HasField("condition") for each in policy.bindings):
            raise invalid("Requested policy version must be 3 for a policy with conditions.")
        return policy

    def _set_iam_policy(self, request: Any) -> Any:
        key = self._key(request.resource)
        if self.faults.concurrent_policy_changes > 0:
            self.faults.concurrent_policy_changes -= 1
            key.policy.etag = self._etag()
        if request.policy.etag and request.policy.etag != (key.policy.etag or b"ACAB"):
            raise Refused(
                grpc.StatusCode.ABORTED,
                "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
            )
        for each in request.policy.bindings:
            if not ROLE.fullmatch(each.role):
                raise invalid(f"Role {each.role} is not supported for this resource.")
            if each.HasField("condition") and request.policy.version != 3:
                raise invalid("A policy with conditions must have version 3.")
            if any("nobody@" in member for member in each.members):
                raise invalid(f"Service account {each.members[0].partition(':')[2]} does not exist.")
        key.policy.CopyFrom(request.policy)
        key.policy.etag = self._etag()
        return key.policy

    def _etag(self) -> bytes:
        self._changes += 1
        return b"BwX%d" % self._changes


_made: list[Any] = []


def _wrapping_key() -> Any:
    """One for all jobs of a process: a key of 4096 bits takes a second to make."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not _made:
        _made.append(rsa.generate_private_key(65537, 4096))
    return _made[0]


_ANSWERS = {
    "GetKeyRing": kms.KeyRing,
    "CreateKeyRing": kms.KeyRing,
    "GetCryptoKey": kms.CryptoKey,
    "CreateCryptoKey": kms.CryptoKey,
    "UpdateCryptoKey": kms.CryptoKey,
    "GetPublicKey": kms.PublicKey,
    "GetImportJob": kms.ImportJob,
    "CreateImportJob": kms.ImportJob,
    "GetCryptoKeyVersion": kms.CryptoKeyVersion,
    "UpdateCryptoKeyVersion": kms.CryptoKeyVersion,
    "DestroyCryptoKeyVersion": kms.CryptoKeyVersion,
    "RestoreCryptoKeyVersion": kms.CryptoKeyVersion,
    "ImportCryptoKeyVersion": kms.CryptoKeyVersion,
}


def _handlers(service: GcpKms) -> list[Any]:
    keys: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for method in PERMISSIONS:
        if method.endswith("IamPolicy"):
            request = getattr(iam_policy_pb2, f"{method}Request")
            policies[method] = _handler(service, method, request.FromString, policy_pb2.Policy.SerializeToString)
        else:
            request = getattr(kms, f"{method}Request")
            answer = _ANSWERS.get(method) or getattr(kms, f"{method}Response")
            keys[method] = _handler(service, method, request.deserialize, answer.serialize)
    return [
        grpc.method_handlers_generic_handler("google.cloud.kms.v1.KeyManagementService", keys),
        grpc.method_handlers_generic_handler("google.iam.v1.IAMPolicy", policies),
    ]


def _handler(service: GcpKms, method: str, read: Callable[..., Any], write: Callable[..., Any]) -> Any:
    def act(request: Any, context: grpc.ServicerContext) -> Any:
        return service.answer(method, request, context)

    return grpc.unary_unary_rpc_method_handler(act, request_deserializer=read, response_serializer=write)


@contextmanager
def served() -> Iterator[tuple[GcpKms, str]]:
    """A KMS in this process, and its address on the loopback."""
    service = GcpKms()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers(_handlers(service))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield service, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)
