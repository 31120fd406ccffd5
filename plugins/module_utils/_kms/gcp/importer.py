# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material into GCP KMS: import-only keys and import jobs. ``material`` has the order, this file the calls.

A key of GCP has its name from the beginning and for ever, and Canton uses version 1 only: an import that went wrong costs the name.

docs/canton/kms-gcp.md#import-jobs, docs/canton/kms-gcp.md#version-1
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ..._errors import CantonError
from ..._participant.model.keys import imported_specs
from .. import wrapping
from ..errors import PermissionDenied
from ..lifecycle import await_change
from ..model import MARK, PENDING_IMPORT, DesiredKey, Params, View
from . import keys as gcp_keys
from .lifecycle import ring_missing
from .model import (
    ALGORITHMS,
    ED25519,
    ED25519_NOTE,
    IMPORT_FAILED,
    LABEL_LENGTH,
    GcpKey,
    check_protection,
    key_name,
    labels,
)

Found = t.TypeVar("Found")

METHOD = "RSA_OAEP_4096_SHA256_AES_256"
_JOB_PREFIX = "ledgerops-canton-"
# a job lives three days; one that is about to end is left alone
_JOB_REST = timedelta(hours=1)


class GcpImporter:
    """An ``Importer`` for GCP KMS. ``name`` is the key's from the beginning, ``labels`` it has when it is finished."""

    provider = "GCP KMS"
    specs: t.Collection[str] = imported_specs("gcp")
    named_last = False

    def __init__(
        self,
        keys: gcp_keys.GcpKeys,
        name: str,
        labels: t.Mapping[str, str] | None,
        protection_level: str | None,
        *,
        create_key_ring: bool,
        wait_timeout: float,
    ) -> None:
        self._keys = keys
        self._name = name
        self._labels = dict(labels or {})
        self._level = protection_level
        self._create_ring = create_key_ring
        self._wait_timeout = wait_timeout

    def find(self, desired: DesiredKey) -> GcpKey | None:
        key = self._read()
        if key is not None and self._level not in (None, key.protection_level):
            raise CantonError(
                f"Key {key.full_name} has protection level {key.protection_level}, not {self._level}",
                error_id="key_spec_mismatch",
                hint="That is fixed when a key is created. Choose another name, or leave protection_level out.",
                details={"arn": key.full_name},
            )
        return key

    def mark(self, key: GcpKey, desired: DesiredKey) -> str | None:
        """A label is too short for a whole fingerprint, so that it holds what fits of it."""
        label = (key.tags or {}).get(MARK)
        return desired.fingerprint if label == _short(desired.fingerprint) else label

    def create(self, desired: DesiredKey) -> GcpKey:
        if ring_missing(self._keys, create=self._create_ring):
            self._keys.create_ring()
        marked = {**self._labels, MARK: _short(desired.fingerprint)}
        self._keys.create(self._name, desired.spec, self._level or "hsm", marked, import_only=True)
        return self.read()

    def send(self, key: GcpKey, private_key: bytearray) -> None:
        job = self._job(key.protection_level)
        wrapped = wrapping.wrap(gcp_keys.der(job.public_key.pem), private_key)
        again = gcp_keys.FIRST if key.versions else None
        version = self._keys.import_version(str(key.full_name), again, ALGORITHMS[key.spec], job.name, wrapped)
        number = gcp_keys.number(version.name)
        if number != gcp_keys.FIRST:
            raise self._not_first(key, number)
        seen = self.read()
        if seen.state == PENDING_IMPORT:
            raise CantonError(
                f"GCP KMS could not import the material of key {key.full_name}: {seen.failure or seen.state}",
                error_id="key_import_failed",
                hint="Check that endpoint_url is an address of GCP KMS, and that location and protection_level support keys of this kind.",
                details={"arn": key.full_name},
            )

    def _not_first(self, key: GcpKey, number: int) -> CantonError:
        """Something else has imported, or generated, a version since the key was read."""
        try:
            self._await(
                lambda: self._keys.version_state(str(key.full_name), number),
                lambda state: state != PENDING_IMPORT,
                self._name,
            )
            self._keys.destroy(str(key.full_name), number)
            left = f"Version {number} is being destroyed."
        except CantonError as exc:
            left = f"Version {number} could not be destroyed ({exc.message}): destroy it."
        return CantonError(
            f"The material became version {number} of key {key.full_name}, and Canton uses version 1 only",
            error_id="key_version_unfit",
            hint=f"{left} Something else has created version 1 of this key at the same time. Choose another name.",
            details={"arn": key.full_name},
        )

    def _job(self, protection_level: str) -> t.Any:
        """An import job that can be used, one of an earlier import if it is still good: GCP keeps all jobs for ever."""
        job = self._earlier_job(protection_level)
        if job is None:
            job = self._keys.create_import_job(f"{_JOB_PREFIX}{uuid.uuid4().hex[:12]}", METHOD, protection_level)
        name = job.name
        return self._await(
            lambda: self._keys.import_job(name),
            lambda seen: seen.state.name == "ACTIVE",
            f"the wrapping key of import job {name}",
        )

    def _earlier_job(self, protection_level: str) -> t.Any:
        try:
            jobs = self._keys.import_jobs()
        except PermissionDenied:
            return None
        limit = datetime.now(timezone.utc) + _JOB_REST
        for job in jobs:
            ours = job.name.rpartition("/")[2].startswith(_JOB_PREFIX) and job.import_method.name == METHOD
            same = job.protection_level.name.lower() == protection_level and job.state.name == "ACTIVE"
            if ours and same and job.expire_time > limit:
                return job
        return None

    def read(self, key: GcpKey | None = None) -> GcpKey:
        return t.cast("GcpKey", self._await(self._read, lambda seen: seen is not None, self._name))

    def _read(self) -> GcpKey | None:
        """The key as it is now. An import that is in progress is waited for; one that failed can be made again."""
        key = self._await(
            lambda: self._keys.find(self._name),
            lambda seen: seen is None or not seen.versions or seen.state != PENDING_IMPORT,
            f"the import of key {self._keys.ring.key(self._name)}",
        )
        return key if key is None or key.state != IMPORT_FAILED else replace(key, state=PENDING_IMPORT)

    def _await(self, look: t.Callable[[], Found], until: t.Callable[[Found], bool], what: str) -> Found:
        return await_change(look, until, self._wait_timeout, f"GCP KMS isn't ready with {what}")

    def discard(self, key: GcpKey) -> str:
        arn = str(key.full_name)
        try:
            self._keys.destroy(arn, gcp_keys.FIRST)
            return "The key can't be used any more, and GCP destroys its material. Its name is used up: choose another one."
        except CantonError as exc:
            refused = exc.message
        try:
            self._keys.disable(arn, gcp_keys.FIRST)
            return f"The key is disabled, but could not be destroyed ({refused}): destroy it. Its name is used up: choose another one."
        except CantonError:
            return f"The key could be neither destroyed nor disabled ({refused}): destroy it, and do not give it to a node."

    def view(self, key: GcpKey) -> View:
        return {"labels": key.tags}

    def plan(self, key: GcpKey | None, desired: DesiredKey) -> View:
        if key is None:
            check_protection(desired.spec, self._level or "hsm")
            ring_missing(self._keys, create=self._create_ring)
        had = {} if key is None else key.tags or {}
        return {"labels": {**had, **self._labels, MARK: _short(desired.fingerprint)}}

    def finish(self, key: GcpKey, now: View, after: View) -> GcpKey:
        if now["labels"] != after["labels"]:
            self._keys.label(str(key.full_name), after["labels"])
        return self.read()

    def predict(self, key: GcpKey | None, desired: DesiredKey, after: View) -> GcpKey:
        base = key or GcpKey(
            state="",
            spec=desired.spec,
            usage=desired.usage,
            key_id=self._name,
            full_name=self._keys.ring.key(self._name),
            origin="external",
            protection_level=self._level or "hsm",
            algorithm=ALGORITHMS[desired.spec],
        )
        return replace(base, state="enabled", tags=after["labels"], public_key_der=desired.der, failure="")

    def warnings(self, desired: DesiredKey) -> list[str]:
        return [ED25519_NOTE] if desired.spec == ED25519 else []


def _short(fingerprint: str) -> str:
    return fingerprint[:LABEL_LENGTH]


def open_importer(params: Params) -> GcpImporter:
    """The importer for the key that the options describe. Sends nothing yet."""
    name = key_name(params["name"])
    own_labels = labels(params["labels"])
    return GcpImporter(
        gcp_keys.connect(params),
        name,
        own_labels,
        params["protection_level"],
        create_key_ring=bool(params["create_key_ring"]),
        wait_timeout=params["wait_timeout"],
    )
