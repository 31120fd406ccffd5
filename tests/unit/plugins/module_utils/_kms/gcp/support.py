# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A KMS of Google inside the test process, and runs of the modules against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils import _waiting
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import keys as gcp_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.modules import kms_key, kms_key_info
from sandbox.kms.gcp.server import GcpKms, served

PLACE = {"provider": "gcp", "project": "p-1", "location": "europe-west3", "key_ring": "canton"}
RING = "projects/p-1/locations/europe-west3/keyRings/canton"
NODE = "serviceAccount:node@p-1.iam.gserviceaccount.com"


@dataclass
class Gcp:
    """The server with an empty ring, and how the modules find it."""

    service: GcpKms
    url: str

    def params(self, options: dict[str, dict[str, Any]], /, **more: Any) -> dict[str, Any]:
        defaults = {name: option.get("default") for name, option in options.items()}
        return {**defaults, **PLACE, "endpoint_url": self.url, **more}

    def run(self, check: bool = False, **more: Any) -> Outcome:
        values = {"name": "key", "wait_timeout": 5.0, **more}
        return kms_key.ensure(self.params(kms_key.SPEC, **values), check)

    def thrice(self, **more: Any) -> Outcome:
        """In check mode, for real and again: the prediction is right, and the second run changes nothing."""
        before = dict(self.service.calls)
        predicted = self.run(check=True, **more)
        assert not self.writes(before)
        done = self.run(**more)
        assert (predicted.before, predicted.after) == (done.before, done.after)
        before = dict(self.service.calls)
        again = self.run(**{**more, "cancel_deletion": False} if "cancel_deletion" in more else more)
        assert not again.changed and not self.writes(before)
        assert again.after == {fact: value for fact, value in done.after.items() if fact != "key_ring"}
        return done

    def writes(self, before: dict[str, int]) -> list[str]:
        reads = ("Get", "List", "Asymmetric", "Encrypt", "Decrypt")
        return [
            name
            for name, times in self.service.calls.items()
            if times > before.get(name, 0) and not name.startswith(reads)
        ]

    def refused(self, check: bool = False, **more: Any) -> CantonError:
        with pytest.raises(CantonError) as caught:
            self.run(check, **more)
        assert caught.value.hint
        return caught.value

    def info(self, **more: Any) -> Outcome:
        return kms_key_info.ensure(self.params(kms_key_info.SPEC, **more), False)


@contextmanager
def gcp_in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    monkeypatch.setattr(gcp_keys, "RETRY_SECONDS", 0.4)
    monkeypatch.setattr(gcp_keys, "_FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(_waiting, "FIRST_PAUSE_SECONDS", 0.01)
    with served() as (service, url):
        service.rings.add(RING)
        yield Gcp(service, url)


def key_of(outcome: Outcome) -> dict[str, Any]:
    key = outcome.result["key"]
    assert isinstance(key, dict)
    return key
