# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material into AWS KMS: keys of origin EXTERNAL. ``material`` has the order, this file the calls
(docs/canton/kms-aws.md#importing-key-material)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._errors import CantonError
from ..._participant.model.keys import imported_specs
from .. import wrapping
from ..errors import AlreadyExists, InvalidState, PermissionDenied
from ..lifecycle import await_change
from ..model import MARK, DesiredKey, Params, View
from . import keys as aws_keys
from .errors import ImportTokenExpired
from .model import AwsKey

DELETION_DAYS = 7
_WRAPPING = {"WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_4096"}


class ImportCalls:
    """The calls for keys of origin EXTERNAL, beside all others of ``keys``."""

    def __init__(self, keys: aws_keys.AwsKeys) -> None:
        self.keys = keys
        self._sent = 0
        keys._client.meta.events.register("before-send.kms.CreateKey", self._count)

    def _count(self, **_event: t.Any) -> None:
        self._sent += 1

    @property
    def create_was_repeated(self) -> bool:
        """Whether the SDK sent CreateKey more than once, as it does by itself when an answer is lost."""
        return self._sent > 1

    def find_marked(self, name: str, value: str) -> list[str]:
        """ARNs of the keys of origin EXTERNAL that have this tag and are not waiting for their deletion.

        AWS has no search: every key of the region is read. Keys that these credentials may not read are none of ours.
        """
        found = []
        for arn in self.keys.names():
            try:
                metadata = self.keys._metadata(arn) or {}
            except PermissionDenied:
                continue
            if metadata.get("Origin") != "EXTERNAL" or metadata["KeyState"] == "PendingDeletion":
                continue
            tags = self.keys._pages("list_resource_tags", "Tags", KeyId=arn)
            if {"TagKey": name, "TagValue": value} in tags:
                found.append(arn)
        return found

    def import_material(self, arn: str, private_key: bytearray) -> None:
        """Wrap the private key with a fresh wrapping key of AWS and send it; it never expires. Repeating it is harmless."""
        answer = self.keys._call("get_parameters_for_import", KeyId=arn, **_WRAPPING)
        self.keys._call(
            "import_key_material",
            KeyId=arn,
            ImportToken=answer["ImportToken"],
            EncryptedKeyMaterial=wrapping.wrap(answer["PublicKey"], private_key),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


class AwsImporter:
    """An ``Importer`` for AWS KMS. ``alias``, ``description`` and ``tags`` are the key's when it is finished."""

    provider = "AWS KMS"
    specs: t.Collection[str] = imported_specs("aws")
    named_last = True

    def __init__(
        self,
        calls: ImportCalls,
        alias: str,
        description: str | None,
        tags: t.Mapping[str, str] | None,
        wait_timeout: float,
    ) -> None:
        self._calls = calls
        self._keys = calls.keys
        self._alias = alias
        self._description = description
        self._tags = dict(tags or {})
        self._wait_timeout = wait_timeout

    def find(self, desired: DesiredKey) -> AwsKey | None:
        named = self._keys.find(self._alias)
        if named is not None:
            return named
        marked = [key for key in map(self._keys.find, self._calls.find_marked(MARK, desired.fingerprint)) if key]
        # the one that is enabled, else the oldest: always the same
        marked.sort(key=lambda key: (key.state != "enabled", key.created or "", key.full_name or ""))
        return marked[0] if marked else None

    def mark(self, key: AwsKey, desired: DesiredKey) -> str | None:
        return (key.tags or {}).get(MARK)

    def create(self, desired: DesiredKey) -> AwsKey:
        tags = self._with_mark(desired)
        arn = self._keys.create(desired.spec, desired.usage, self._description or "", tags, origin="external")
        if self._calls.create_was_repeated:
            self._remove_duplicates(arn, desired)
        return self._await(arn)

    def _remove_duplicates(self, arn: str, desired: DesiredKey) -> None:
        """Empty keys with the mark that are not the one whose ARN was answered: there was none before."""
        for other in self._calls.find_marked(MARK, desired.fingerprint):
            if other != arn:
                self._keys.schedule_deletion(other, DELETION_DAYS)

    def _await(self, arn: str) -> AwsKey:
        """The key as it is read; a new one, or the public key of one that has just been imported, may not be visible at once."""

        def look() -> AwsKey | None:
            try:
                return self._keys.find(arn)
            except InvalidState:
                return None

        key = await_change(look, bool, self._wait_timeout, f"AWS KMS does not show key {arn}", arn=arn)
        return t.cast("AwsKey", key)

    def send(self, key: AwsKey, private_key: bytearray) -> None:
        try:
            self._calls.import_material(str(key.full_name), private_key)
        except ImportTokenExpired:
            self._calls.import_material(str(key.full_name), private_key)

    def read(self, key: AwsKey) -> AwsKey:
        return self._await(str(key.full_name))

    def discard(self, key: AwsKey) -> str:
        arn = str(key.full_name)
        try:
            self._keys.schedule_deletion(arn, DELETION_DAYS)
            return f"The key can't be used any more and is deleted in {DELETION_DAYS} days."
        except CantonError as exc:
            refused = exc.message
        try:
            self._keys.disable(arn)
            return f"The key is disabled, but could not be deleted ({refused}): delete it."
        except CantonError:
            return (
                f"The key could be neither deleted nor disabled ({refused}): delete it, and do not give it to a node."
            )

    def view(self, key: AwsKey) -> View:
        return {
            "alias": self._alias if self._keys.identify(self._alias) == key.full_name else None,
            "description": key.description,
            "tags": key.tags,
        }

    def plan(self, key: AwsKey | None, desired: DesiredKey) -> View:
        if key is not None and key.tags is None:
            raise CantonError(
                "The tags of the key can't be compared with the desired ones. " + " ".join(key.notes),
                error_id="tags_unreadable",
                hint="Allow these credentials to read them.",
            )
        had = {} if key is None or key.tags is None else key.tags
        described = "" if key is None else key.description
        return {
            "alias": self._alias,
            "description": described if self._description is None else self._description,
            "tags": {**had, **self._with_mark(desired)},
        }

    def finish(self, key: AwsKey, now: View, after: View) -> AwsKey:
        arn = str(key.full_name)
        if now["description"] != after["description"]:
            self._keys.describe(arn, after["description"])
        missing = {name: value for name, value in after["tags"].items() if (now["tags"] or {}).get(name) != value}
        if missing:
            self._keys.tag(arn, missing)
        if now["alias"] != after["alias"]:
            self._add_alias(arn, after["alias"])
        return self.read(key)

    def _add_alias(self, arn: str, alias: str) -> None:
        try:
            self._keys.add_alias(arn, alias)
        except AlreadyExists:
            # the SDK sent it again after an answer that was lost
            if self._keys.identify(alias) != arn:
                raise

    def predict(self, key: AwsKey | None, desired: DesiredKey, after: View) -> AwsKey:
        base = key or AwsKey(state="", spec=desired.spec, usage=desired.usage, aliases=(), origin="external")
        return replace(
            base,
            state="enabled",
            description=after["description"],
            tags=after["tags"],
            aliases=None if base.aliases is None else tuple({*base.aliases, after["alias"]}),
            public_key_der=desired.der,
        )

    def warnings(self, desired: DesiredKey) -> list[str]:
        return []

    def _with_mark(self, desired: DesiredKey) -> dict[str, str]:
        return {**self._tags, MARK: desired.fingerprint}


def open_importer(params: Params) -> AwsImporter:
    """The importer for the key that the options describe. Sends nothing yet."""
    tags = {str(name): str(value) for name, value in (params["tags"] or {}).items()}
    alias = aws_keys.alias_name(params["alias"])
    calls = ImportCalls(aws_keys.connect(params))
    return AwsImporter(calls, alias, params["description"], tags, params["wait_timeout"])
