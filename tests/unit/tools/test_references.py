# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A citation or a link that leads nowhere, and a citation of what is not in the repository, fail the house rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import check_repository, references

# in two pieces, so that the rule finds no citation in this file
CITED = "docs/" + "canton/topology.md"
PAGE = """# Topology

## Removed delegations, `never` return

```
## not a heading
```

## Twice
## Twice
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    page = tmp_path / CITED
    page.parent.mkdir(parents=True)
    page.write_text(PAGE, encoding="utf-8")
    return tmp_path


def breaches(root: Path, name: str, content: str) -> list[str]:
    (root / name).write_text(content, encoding="utf-8")
    return list(check_repository.references_resolve(root, [name]))


def test_anchors_are_those_of_github() -> None:
    assert references.anchors(PAGE) == {"topology", "removed-delegations-never-return", "twice", "twice-1"}


@pytest.mark.parametrize("anchor", ["#removed-delegations-never-return", "#twice-1"])
def test_a_citation_that_resolves(root: Path, anchor: str) -> None:
    assert breaches(root, "code.py", f'"""Why ({CITED}{anchor})."""\n') == []


@pytest.mark.parametrize(
    ("cited", "lack"),
    [
        (CITED + "#missing", f"{CITED} has no heading #missing"),
        (CITED + "#not-a-heading", f"{CITED} has no heading #not-a-heading"),
        (CITED.replace("topology", "other") + "#twice", f"{CITED.replace('topology', 'other')} does not exist"),
        (CITED, f"{CITED} names no heading"),
    ],
)
def test_a_citation_that_does_not_resolve(root: Path, cited: str, lack: str) -> None:
    assert breaches(root, "code.py", f"x = 1\n# why: {cited}, and so on\n") == [f"code.py:2: {lack}"]


@pytest.mark.parametrize(
    "gone", ["admin-api-{} C7", "({}C5)", "(recor{}dings)", "(perf {}2)", "procedure {}2, step 7", "part {}F"]
)
def test_a_citation_of_what_is_not_here(root: Path, gone: str) -> None:
    whole = gone.format("3" if "api" in gone else "")
    assert breaches(root, "code.py", f"# why {whole}\n") == [
        "code.py:1: cites a document that is not in the repository"
    ]


@pytest.mark.parametrize(
    ("target", "lack"),
    [
        (CITED, None),
        (CITED + "#twice", None),
        ("#here", None),
        ("https://example.com/missing.md", None),
        (CITED + "#missing", f"{CITED} has no heading #missing"),
        ("missing.md", "missing.md does not exist"),
        ("#missing", "page.md has no heading #missing"),
    ],
)
def test_links_of_pages(root: Path, target: str, lack: str | None) -> None:
    found = breaches(root, "page.md", f"# Here\n\nSee [there]({target}).\n")
    assert found == ([f"page.md:3: {lack}"] if lack else [])
