# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From module arguments to endpoints, and from results and errors to the module's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection, _runner
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome

ADDRESS = "10.0.0.5:5012"
PAIR = {"source": {"endpoint": ADDRESS}, "target": {"endpoint": "10.0.0.6:5012"}}


class Opened:
    """The endpoints that were asked for, in order; what is behind them is a fake."""

    def __init__(self) -> None:
        self.admin: list[Endpoint] = []
        self.ledger: list[Endpoint | None] = []

    def __call__(self, admin: Endpoint, ledger: Endpoint | None) -> Fake:
        self.admin.append(admin)
        self.ledger.append(ledger)
        return new_participant() if "target" in admin.label else old_participant()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    found = Opened()
    monkeypatch.setattr(_connection, "open_participant", found)
    return found


def run(
    capsys: pytest.CaptureFixture[str], runner: Any, arguments: dict[str, Any], ensure: Any = None, **rules: Any
) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        runner({}, ensure or (lambda *_arguments: Outcome(result={"found": 1})), **rules)
    values = json.loads(capsys.readouterr().out)
    assert isinstance(values, dict)
    return values


def test_pair_and_transfer(capsys: pytest.CaptureFixture[str], opened: Opened) -> None:
    found: list[Any] = []

    def ensure(_params: Any, source: Any, target: Any, check: bool, *report: Any) -> Outcome:
        found.append((source and source.label, target.label, check, *report))
        return Outcome()

    @contextmanager
    def during(params: Any, check: bool) -> Iterator[Any]:
        found.append((params["target"]["endpoint"], check, len(opened.admin)))
        yield "report"
        found.append("over")

    run(capsys, _runner.run_pair, {**PAIR, "_ansible_check_mode": True}, ensure)
    with patch_module_args({"target": PAIR["target"]}), pytest.raises(SystemExit):
        _runner.run_transfer({"source": {"type": "dict"}}, ensure, during)
    assert found == [
        ("source participant", "target participant", True),
        # before the first connection
        (PAIR["target"]["endpoint"], False, 2),
        (None, "target participant", False, "report"),
        "over",
    ]


@pytest.mark.parametrize(
    ("runner", "arguments", "message"),
    [
        (_runner.run_participant, {}, "endpoint"),
        (_runner.run_participant, {"endpoint": ADDRESS, "client_cert": "/c.pem"}, "client_cert, client_key"),
        (_runner.run_pair, {"source": {"endpoint": ADDRESS}}, "target"),
        (_runner.run_pair, {**PAIR, "source": {"ca_cert": "/ca.pem"}}, "endpoint, dossier"),
        (_runner.run_pair, {**PAIR, "source": {"endpoint": ADDRESS, "dossier": "/d"}}, "endpoint|dossier"),
        (_runner.run_pair, {**PAIR, "source": {"endpoint": ADDRESS, "client_key": "/k"}}, "client_cert, client_key"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], opened: Opened, runner: Any, arguments: dict[str, Any], message: str
) -> None:
    values = run(capsys, runner, arguments)
    assert values["failed"] and message in values["msg"] and opened.admin == []


@pytest.mark.parametrize(("diff", "shown"), [(True, {"before": {"a": 1}, "after": {"a": 2}}), (False, None)])
def test_result(capsys: pytest.CaptureFixture[str], opened: Opened, diff: bool, shown: Any) -> None:
    outcome = Outcome({"a": 1}, {"a": 2}, {"found": 1}, ["look out"])
    values = run(
        capsys, _runner.run_participant, {"endpoint": ADDRESS, "_ansible_diff": diff}, lambda *_arguments: outcome
    )
    assert values["changed"] is True and values["found"] == 1 and values.get("diff") == shown
    assert "look out" in json.dumps(values["warnings"])


def test_refusal(capsys: pytest.CaptureFixture[str], opened: Opened) -> None:
    def ensure(*_arguments: Any) -> Outcome:
        raise CantonError("It failed", "some_id", "Do this.", details={"trace_id": "0a1b"})

    values = run(capsys, _runner.run_participant, {"endpoint": ADDRESS}, ensure)
    assert values["failed"] and values["msg"] == "It failed [some_id]. Do this."
    assert (values["error_id"], values["hint"], values["trace_id"]) == ("some_id", "Do this.", "0a1b")


def test_interruption(capsys: pytest.CaptureFixture[str], opened: Opened) -> None:
    def ensure(*_arguments: Any) -> Outcome:
        raise KeyboardInterrupt

    values = run(capsys, _runner.run_participant, {"endpoint": ADDRESS}, ensure)
    assert values["error_id"] == "interrupted" and "run the same task again" in values["msg"]


def test_missing_library(capsys: pytest.CaptureFixture[str], opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        raise DependencyMissing("grpcio", "No module named 'grpc'")

    monkeypatch.setattr(_runner, "check_dependencies", check)
    values = run(capsys, _runner.run_participant, {"endpoint": ADDRESS})
    assert values["error_id"] == "dependency_missing" and "pip install grpcio" in values["msg"]
    assert opened.admin == []


def test_read_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    assert _runner.read_file(str(tmp_path / "f")) == b"x"
    error = refused(lambda: _runner.read_file(str(tmp_path / "nothing")))
    assert error.error_id == "file_unreadable" and "nothing" in error.message


def test_tokens_from_the_environment_for_one_participant_only(
    capsys: pytest.CaptureFixture[str], opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANTON_TOKEN", "from-environment")
    run(capsys, _runner.run_participant, {"endpoint": ADDRESS})
    run(capsys, _runner.run_pair, PAIR)
    assert [admin.token for admin in opened.admin] == ["from-environment", None, None]
