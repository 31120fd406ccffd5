# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material into GCP KMS: import-only keys and import jobs. The order is ``material``'s, the calls are these.

A key of GCP has its name from the beginning and for ever, and Canton uses version 1 only: an import that went wrong costs the name.

docs/canton/kms-gcp.md#import-jobs, docs/canton/kms-gcp.md#version-1
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import wrapping
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import errors as gcp_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import keys as gcp_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.lifecycle import ring_missing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import (
    ALGORITHMS,
    IMPORT_FAILED,
    LABEL_LENGTH,
    PENDING_IMPORT,
    GcpKey,
    check_protection,
    key_name,
    labels,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.material import MARK, PENDING, View, Wanted
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import imported_specs
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

METHOD = "RSA_OAEP_4096_SHA256_AES_256"
_JOB_PREFIX = "ledgerops-canton-"
# a job lives three days; one that is about to end is left alone
_JOB_REST = timedelta(hours=1)


class GcpImporter:
    """``material.Importer`` for GCP KMS. ``name`` is the key's from the beginning, ``labels`` it has when it is finished."""

    provider = "GCP KMS"
    specs: t.Collection[str] = imported_specs("gcp")
    named_last = False

    def __init__(
        self,
        keys: gcp_keys.GcpKeys,
        name: str,
        labels_asked: t.Mapping[str, str] | None,
        protection_level: str | None,
        create_key_ring: bool,
        wait_timeout: float,
    ) -> None:
        self._keys = keys
        self._name = name
        self._labels = dict(labels_asked or {})
        self._level = protection_level
        self._create_ring = create_key_ring
        self._wait_timeout = wait_timeout

    def find(self, wanted: Wanted) -> GcpKey | None:
        key = self._read()
        if key is not None and self._level not in (None, key.protection_level):
            raise CantonError(
                f"Key {key.arn} has protection level {key.protection_level}, not {self._level}",
                error_id="key_spec_mismatch",
                hint="That is fixed when a key is created. Choose another name, or ask for what the key is.",
                details={"arn": key.arn},
            )
        return key

    def mark(self, key: Key, wanted: Wanted) -> str | None:
        """A label is too short for a whole fingerprint, so that it holds what fits of it."""
        label = (key.tags or {}).get(MARK)
        return wanted.fingerprint if label == _short(wanted.fingerprint) else label

    def create(self, wanted: Wanted) -> GcpKey:
        if ring_missing(self._keys, self._create_ring):
            self._keys.create_ring()
        marked = {**self._labels, MARK: _short(wanted.fingerprint)}
        self._keys.create(self._name, wanted.spec, self._level or "hsm", marked, import_only=True)
        return self.read()

    def send(self, key: Key, private_key: bytearray) -> None:
        assumed = t.cast("GcpKey", key)
        job = self._job(assumed.protection_level)
        wrapped = wrapping.wrap(gcp_keys.der(job.public_key.pem), private_key)
        again = gcp_keys.FIRST if assumed.versions else None
        version = self._keys.import_version(str(key.arn), again, ALGORITHMS[key.spec], job.name, wrapped)
        number = gcp_keys.number(version.name)
        if number != gcp_keys.FIRST:
            raise self._not_first(key, number)
        seen = self.read()
        if seen.state == PENDING:
            raise CantonError(
                f"GCP KMS could not import the material of key {key.arn}: {seen.failure or seen.state}",
                error_id="key_import_failed",
                hint="Check that endpoint_url leads to GCP KMS, and that the location and protection_level take keys of this kind.",
                details={"arn": key.arn},
            )

    def _not_first(self, key: Key, number: int) -> CantonError:
        """Somebody else has imported, or generated, a version since the key was read."""
        try:
            self._await(lambda: self._keys.version_state(str(key.arn), number) != PENDING_IMPORT)
            self._keys.destroy(str(key.arn), number)
            left = f"Version {number} is being destroyed."
        except CantonError as exc:
            left = f"Version {number} could not be destroyed ({exc.message}): destroy it."
        return CantonError(
            f"The material became version {number} of key {key.arn}, and Canton uses version 1 only",
            error_id="key_version_unfit",
            hint=f"{left} Something else has made version 1 of this key meanwhile. Choose another name.",
            details={"arn": key.arn},
        )

    def _job(self, protection_level: str) -> t.Any:
        """An import job that can be used, one of an earlier import if it is still good: GCP keeps all jobs for ever."""
        job = self._earlier_job(protection_level)
        if job is None:
            job = self._keys.create_import_job(f"{_JOB_PREFIX}{uuid.uuid4().hex[:12]}", METHOD, protection_level)
        name = job.name
        found: list[t.Any] = []

        def ready() -> bool:
            found[:] = [self._keys.import_job(name)]
            return bool(found[0].state.name == "ACTIVE")

        self._await(ready, f"the wrapping key of import job {name}")
        return found[0]

    def _earlier_job(self, protection_level: str) -> t.Any:
        try:
            jobs = self._keys.import_jobs()
        except CantonError as exc:
            if exc.error_id != gcp_errors.PERMISSION_DENIED:
                raise
            return None
        limit = datetime.now(timezone.utc) + _JOB_REST
        for job in jobs:
            ours = job.name.rpartition("/")[2].startswith(_JOB_PREFIX) and job.import_method.name == METHOD
            same = job.protection_level.name.lower() == protection_level and job.state.name == "ACTIVE"
            if ours and same and job.expire_time > limit:
                return job
        return None

    def read(self, key: Key | None = None) -> GcpKey:
        found: list[GcpKey] = []

        def there() -> bool:
            seen = self._read()
            found.extend([] if seen is None else [seen])
            return bool(found)

        self._await(there)
        return found[0]

    def _read(self) -> GcpKey | None:
        """The key as it is now. An import that is still going on is waited for; one that failed can be made again."""
        found: list[GcpKey | None] = []

        def settled() -> bool:
            found[:] = [self._keys.find(self._name)]
            return found[0] is None or not found[0].versions or found[0].state != PENDING_IMPORT

        self._await(settled, f"the import of key {self._keys.ring.key(self._name)}")
        key = found[0]
        return key if key is None or key.state != IMPORT_FAILED else replace(key, state=PENDING)

    def _await(self, shows: t.Callable[[], bool], what: str = "") -> None:
        reached, _last = wait_for(shows, self._wait_timeout)
        if not reached:
            raise CantonError(
                f"GCP KMS isn't ready with {what or self._name} after {self._wait_timeout:g} seconds",
                error_id="change_not_visible",
                hint="Run again, it carries on; a larger wait_timeout waits longer.",
                retryable=True,
            )

    def discard(self, key: Key) -> str:
        arn = str(key.arn)
        try:
            self._keys.destroy(arn, gcp_keys.FIRST)
            return "The key can't be used any more, and GCP destroys its material. Its name is used up: choose another one."
        except CantonError as exc:
            refused = exc.message
        try:
            self._keys.disable(arn, gcp_keys.FIRST)
            return f"The key is disabled; destroy it, which was refused ({refused}). Its name is used up: choose another one."
        except CantonError:
            return f"The key is still there, for it could be neither destroyed nor disabled ({refused}): destroy it, and give it to no node."

    def view(self, key: Key) -> View:
        return {"labels": key.tags}

    def aim(self, key: Key | None, wanted: Wanted) -> View:
        if key is None:
            check_protection(wanted.spec, self._level or "hsm")
            ring_missing(self._keys, self._create_ring)
        had = {} if key is None else key.tags or {}
        return {"labels": {**had, **self._labels, MARK: _short(wanted.fingerprint)}}

    def finish(self, key: Key, now: View, after: View) -> GcpKey:
        if now["labels"] != after["labels"]:
            self._keys.label(str(key.arn), after["labels"])
        return self.read()

    def predict(self, key: Key | None, wanted: Wanted, after: View) -> GcpKey:
        base = t.cast("GcpKey | None", key) or GcpKey(
            state="",
            spec=wanted.spec,
            usage=wanted.usage,
            key_id=self._name,
            arn=self._keys.ring.key(self._name),
            origin="external",
            protection_level=self._level or "hsm",
            algorithm=ALGORITHMS[wanted.spec],
        )
        return replace(base, state="enabled", tags=after["labels"], public_key_der=wanted.der, failure="")


def _short(fingerprint: str) -> str:
    return fingerprint[:LABEL_LENGTH]


def open_importer(params: t.Mapping[str, t.Any]) -> GcpImporter:
    """The importer that the options of the module lead to. Sends nothing yet."""
    name = key_name(params["name"])
    asked = labels(params["labels"])
    return GcpImporter(
        gcp_keys.connect(params),
        name,
        asked,
        params["protection_level"],
        bool(params["create_key_ring"]),
        params["wait_timeout"],
    )
