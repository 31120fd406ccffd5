# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import jobs, and key material that comes in."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import kms_v1

from sandbox.kms.gcp import crypto
from sandbox.kms.gcp.keys import Job, Key, Keys, State, Version
from sandbox.kms.gcp.rules import Refused, denied, invalid, missing, wrong_state

# its classes take and give other types than those of their fields
kms: Any = kms_v1
_JobState = kms.ImportJob.ImportJobState


class Imports(Keys):
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
        self.jobs[name] = Job(shown, _wrapping_key(), 1)
        return shown

    def _get_import_job(self, request: Any) -> Any:
        if request.name not in self.jobs:
            raise missing(request.name)
        job = self.jobs[request.name]
        if job.shown.state == _JobState.PENDING_GENERATION:
            if job.reads <= 0:
                job.shown.state = _JobState.ACTIVE
                job.shown.public_key = kms.ImportJob.WrappingPublicKey(pem=crypto.public_pem(job.material))
            job.reads -= 1
        return job.shown

    def expire_jobs(self) -> None:
        for job in self.jobs.values():
            job.shown.state = _JobState.EXPIRED

    def _import_crypto_key_version(self, request: Any) -> Any:
        key = self._key(request.parent)
        if "cryptoKeyVersions.create" in self.faults.denied:
            raise denied("cryptoKeyVersions.create", request.parent)
        job = self.jobs.get(request.import_job)
        if job is None:
            raise missing(request.import_job)
        if job.shown.state != _JobState.ACTIVE:
            raise wrong_state(request.import_job, "active", job.shown.state)
        level = key.shown.version_template.protection_level
        if job.shown.protection_level != level:
            raise invalid("The protection levels of the ImportJob and the CryptoKey do not match.")
        if crypto.PURPOSES[request.algorithm.name] != key.shown.purpose.name:
            raise invalid("The algorithm does not fit the purpose of the CryptoKey.")
        version = self._target(key, request, level)
        version.shown.state = State.PENDING_IMPORT
        version.shown.import_job = request.import_job
        version.shown.import_failure_reason = ""
        version.reads, version.becomes = self.faults.import_reads, State.ENABLED
        version.why = self.faults.import_fails or self._take(version, job, request)
        if version.why:
            version.becomes = State.IMPORT_FAILED
        return version.shown

    def _target(self, key: Key, request: Any, level: Any) -> Version:
        if not request.crypto_key_version:
            return self._add(key, request.algorithm, level)
        version = self._version(request.crypto_key_version)
        if version.shown.state not in (State.IMPORT_FAILED, State.DESTROYED) or not version.shown.import_job:
            raise wrong_state(request.crypto_key_version, "eligible for reimport", version.shown.state)
        return version

    def _take(self, version: Version, job: Job, request: Any) -> str:
        """Keep the material, or say why not, in Google's words."""
        try:
            key = crypto.unwrap(job.material, request.wrapped_key or request.rsa_aes_wrapped_key)
        except Exception:
            return "The key material in the import request couldn't be unwrapped or wasn't formatted correctly"
        if not crypto.fits(key, version.shown.algorithm.name):
            return "An argument to the import operation was malformed"
        known = crypto.public_pem(key)
        if version.once_had not in ("", known):
            return "The key material does not match the previous key material of the version"
        version.material, version.once_had = key, known
        return ""


@functools.cache
def _wrapping_key() -> rsa.RSAPrivateKey:
    """One for all jobs of a process: a key of 4096 bits takes a second to make."""
    return rsa.generate_private_key(65537, 4096)
