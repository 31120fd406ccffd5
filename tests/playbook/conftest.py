# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests with real ansible-playbook runs, which tests run for which pair of releases, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playbook.harness import Ansible, Sandbox
from playbook.releases import LINES, Pair
from tools.outcomes import FAILED, FAULT, PASSED, Outcomes

StartNetwork = Callable[[Mapping[str, Any]], Sandbox]
_OUTCOMES = pytest.StashKey[Outcomes]()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNetwork]:
    """Starts networks of a topology (as in a topology file) on free ports; all of them end with the file's tests."""
    with ExitStack() as stack:

        def start(topology: Mapping[str, Any]) -> Sandbox:
            started = Sandbox(topology, tmp_path_factory.mktemp("sandbox"))
            stack.callback(started.stop)
            return started

        yield start


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Runs playbooks and lists of tasks."""
    return Ansible(tmp_path_factory.mktemp("ansible"), shared=tmp_path_factory.getbasetemp())


# -- which pairs ------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pairs(of): run for these pairs of releases, not for every line")
    config.addinivalue_line("markers", "capability(name): what the test shows, as docs/releases.md calls it")
    config.addinivalue_line("markers", "fault(what, when, outcome): what the test breaks, as docs/faults.md says it")
    config.addinivalue_line("markers", "first: begin with these tests, as they take the longest")
    config.stash[_OUTCOMES] = Outcomes()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever needs a ``pair`` runs for every line of the matrix, or for those of the mark ``pairs``."""
    if "pair" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("pairs")
        metafunc.parametrize("pair", mark.args[0] if mark else LINES, ids=str, indirect=True, scope="module")


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Pair:
    """The releases that this test is about."""
    found: Pair = request.param
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of one file and pair share networks, so they stay together when several run at a time."""
    found = item.callspec.params.get("pair", "") if isinstance(item, pytest.Function) and _has_params(item) else ""
    item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{found}"))
    for mark in item.iter_markers("capability"):
        item.user_properties.append(("capability", (mark.args[0], str(found))))
    for mark in item.iter_markers("fault"):
        item.user_properties.append(("capability", (FAULT + " | ".join(mark.args), str(found))))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


def _has_params(item: pytest.Function) -> bool:
    return hasattr(item, "callspec")


# -- what came of it --------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.user_properties.append(("why", report.longrepr[2].removeprefix("Skipped: ")))
    return report


class _Collector:
    """Where the reports of all tests arrive, also of those that other processes ran."""

    def __init__(self, outcomes: Outcomes, path: Path) -> None:
        self._outcomes = outcomes
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        why = next((value for name, value in report.user_properties if name == "why"), "")
        outcome = FAILED if report.failed else PASSED if report.passed else str(why)
        for name, value in report.user_properties:
            if name == "capability":
                assert isinstance(value, (tuple, list))
                self._outcomes.add(str(value[0]), str(value[1]), outcome)

    def pytest_sessionfinish(self) -> None:
        self._outcomes.write(self._path)


def pytest_sessionstart(session: pytest.Session) -> None:
    """``OUTCOMES`` names the file for what was found; without it nothing is kept."""
    path = os.environ.get("OUTCOMES")
    if path and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Collector(session.config.stash[_OUTCOMES], Path(path)))
