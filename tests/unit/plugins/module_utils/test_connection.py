# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From connection options to endpoints, or to a dossier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint

ADDRESS = "10.0.0.5:5012"
NOTHING: dict[str, Any] = dict.fromkeys(_connection.side_spec(required=True)["options"])
Ends = Callable[..., tuple[Endpoint, Any]]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The endpoints of admin API and ledger API that options lead to."""
    opened: list[tuple[Endpoint, Any]] = []
    monkeypatch.setattr(_connection, "open_participant", lambda *found: opened.append(found))

    def of(**options: Any) -> tuple[Endpoint, Any]:
        _connection.participant_of({**NOTHING, "endpoint": ADDRESS, **options}, "participant")
        return opened[-1]

    return of


@pytest.mark.parametrize(
    ("options", "tls", "ledger_tls"),
    [
        ({}, False, False),
        ({"ca_cert": "/ca.pem"}, True, True),
        ({"client_cert": "/c.pem", "client_key": "/c.key"}, True, True),
        ({"tls": False, "ca_cert": "/ca.pem"}, False, False),
        ({"tls": True}, True, True),
        ({"tls": True, "ledger_tls": False}, True, False),
        ({"ledger_tls": True}, False, True),
    ],
)
def test_tls(ends: Ends, options: dict[str, Any], tls: bool, ledger_tls: bool) -> None:
    admin, ledger = ends(ledger_endpoint="10.0.0.5:5011", **options)
    assert (admin.tls, ledger.tls) == (tls, ledger_tls)
    assert admin.where() == f"the participant at {ADDRESS}"
    assert ledger.where() == "the participant's ledger API at 10.0.0.5:5011"


@pytest.mark.parametrize(
    ("options", "admin_token", "ledger_token"),
    [
        ({}, (None, None), (None, None)),
        ({"token": "a"}, ("a", None), ("a", None)),
        ({"token_file": "/a"}, (None, "/a"), (None, "/a")),
        ({"token": "a", "ledger_token": "b"}, ("a", None), ("b", None)),
        ({"token": "a", "ledger_token_file": "/b"}, ("a", None), (None, "/b")),
    ],
)
def test_tokens(ends: Ends, options: dict[str, Any], admin_token: Any, ledger_token: Any) -> None:
    found = [(end.token, end.token_file) for end in ends(ledger_endpoint="10.0.0.5:5011", **options)]
    assert found == [admin_token, ledger_token]


def test_without_a_ledger_endpoint_there_is_no_ledger_api(ends: Ends) -> None:
    assert ends()[1] is None


def test_a_dossier_stands_in_for_an_endpoint() -> None:
    found = refused(lambda: _connection.reader_of({**NOTHING, "dossier": "/nowhere/old.dossier"}, "source"))
    assert found.error_id == "dossier_missing" and "/nowhere/old.dossier" in found.message
