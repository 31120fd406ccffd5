# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rings, keys and their versions."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.cloud import kms_v1
from google.iam.v1 import policy_pb2

from sandbox.kms.gcp import crypto
from sandbox.kms.gcp.faults import Faults
from sandbox.kms.gcp.rules import Refused, check_key, check_settings, invalid, missing, wrong_state

# its classes take and give other types than those of their fields
kms: Any = kms_v1
State = kms.CryptoKeyVersion.CryptoKeyVersionState
_DEFAULT_WAIT = timedelta(days=30)


@dataclass
class Version:
    shown: Any
    material: Any = None
    once_had: str = ""  # the public key of what was imported: another one is refused for ever
    reads: int = 0
    becomes: Any = None
    why: str = ""


@dataclass
class Key:
    shown: Any
    versions: list[Version] = field(default_factory=list)
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)


@dataclass
class Job:
    shown: Any
    material: Any
    reads: int = 0


class Keys:
    """All rings, keys and import jobs of all projects."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.rings: set[str] = set()
        self.keys: dict[str, Key] = {}
        self.jobs: dict[str, Job] = {}
        self._changes = 0
        self._lock = threading.Lock()

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

    def _key(self, name: str) -> Key:
        if name not in self.keys:
            raise missing(name)
        return self.keys[name]

    def _list_crypto_keys(self, request: Any) -> Any:
        self._get_key_ring(kms.GetKeyRingRequest(name=request.parent))
        found = [self._shown(key) for name, key in sorted(self.keys.items()) if name.startswith(request.parent + "/")]
        return kms.ListCryptoKeysResponse(crypto_keys=found, total_size=len(found))

    def _get_crypto_key(self, request: Any) -> Any:
        return self._shown(self._key(request.name))

    def _shown(self, key: Key) -> Any:
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
        key = self.keys[name] = Key(shown)
        if not request.skip_initial_version_creation:
            self._new_version(key)
        return self._shown(key)

    def _new_version(self, key: Key) -> Version:
        template = key.shown.version_template
        version = self._add(key, template.algorithm, template.protection_level)
        version.material = crypto.generate(template.algorithm.name)
        if template.algorithm.name == crypto.SYMMETRIC:
            version.shown.state = State.ENABLED
        else:
            version.shown.state = State.PENDING_GENERATION
            version.reads = self.faults.generation_reads
            version.becomes = State.GENERATION_FAILED if self.faults.generation_fails else State.ENABLED
            version.why = self.faults.generation_fails
        return version

    def add_foreign(self, ring: str, key_id: str, purpose: str, algorithm: str) -> None:
        """A key of a kind that Canton has no use for, and that can't be used here either."""
        template = {"algorithm": algorithm, "protection_level": "SOFTWARE"}
        name = f"{ring}/cryptoKeys/{key_id}"
        key = self.keys[name] = Key(kms.CryptoKey({"name": name, "purpose": purpose, "version_template": template}))
        self._add(key, algorithm, "SOFTWARE").shown.state = State.ENABLED

    def rotate(self, name: str) -> None:
        """What Google does by itself when it is time."""
        with self._lock:
            self._new_version(self.keys[name])

    def _add(self, key: Key, algorithm: Any, level: Any) -> Version:
        shown = kms.CryptoKeyVersion(
            name=f"{key.shown.name}/cryptoKeyVersions/{len(key.versions) + 1}",
            algorithm=algorithm,
            protection_level=level,
            create_time=datetime.now(UTC),
        )
        version = Version(shown)
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

    def _version(self, name: str) -> Version:
        key = self._key(name.rpartition("/cryptoKeyVersions/")[0])
        for version in key.versions:
            if version.shown.name == name:
                return version
        raise missing(name)

    def _read(self, version: Version) -> Any:
        """As it is now; what is pending becomes ready by being read often enough."""
        seen = kms.CryptoKeyVersion(version.shown)
        if version.becomes is not None:
            if version.reads <= 0:
                self._ripen(version)
                return kms.CryptoKeyVersion(version.shown)
            version.reads -= 1
        return seen

    def _ripen(self, version: Version) -> None:
        version.shown.state, version.becomes = version.becomes, None
        if version.shown.state == State.IMPORT_FAILED:
            version.shown.import_failure_reason = version.why
        elif version.shown.state == State.GENERATION_FAILED:
            version.shown.generation_failure_reason = version.why

    def _list_crypto_key_versions(self, request: Any) -> Any:
        found = [self._read(version) for version in self._key(request.parent).versions]
        return kms.ListCryptoKeyVersionsResponse(crypto_key_versions=found, total_size=len(found))

    def _get_crypto_key_version(self, request: Any) -> Any:
        return self._read(self._version(request.name))

    def _update_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.crypto_key_version.name)
        state = request.crypto_key_version.state
        if list(request.update_mask.paths) != ["state"] or state not in (State.ENABLED, State.DISABLED):
            raise invalid("Only the state can be updated, to ENABLED or DISABLED.")
        if version.shown.state not in (State.ENABLED, State.DISABLED):
            raise wrong_state(version.shown.name, "enabled or disabled", version.shown.state)
        version.shown.state = state
        return version.shown

    def _destroy_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.state not in (State.ENABLED, State.DISABLED):
            raise wrong_state(request.name, "enabled or disabled", version.shown.state)
        key = self._key(request.name.rpartition("/cryptoKeyVersions/")[0])
        version.shown.state = State.DESTROY_SCHEDULED
        version.shown.destroy_time = datetime.now(UTC) + key.shown.destroy_scheduled_duration
        return version.shown

    def _restore_crypto_key_version(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.state != State.DESTROY_SCHEDULED:
            raise wrong_state(request.name, "scheduled for destruction", version.shown.state)
        version.shown.state = State.DISABLED
        version.shown.destroy_time = None
        return version.shown

    def let_time_pass(self, name: str) -> None:
        """What Google does to the versions of a key when their time to be restored is over."""
        with self._lock:
            for version in self.keys[name].versions:
                if version.shown.state == State.DESTROY_SCHEDULED:
                    version.shown.state, version.material = State.DESTROYED, None
                    version.shown.destroy_time = None
