# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/preflight.md lists exactly the findings that the code can come to, with their severity."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight import examine, known_bugs

CODE = Path(examine.__file__).parents[1]
DOCUMENT = CODE.parents[2] / "docs" / "preflight.md"
EXAMINED = (
    *(f"preflight/{name}" for name in ("examine", "node", "contracts", "dars", "known_bugs")),
    "migration/plan",
    "in_place/preflight",
)
SEVERITIES = {"error": "error", "warn": "warning", "report": "error or warning"}
# Refusals inside of checks, which become findings.
REFUSING = {
    "model/interface": {"require_same_major"},
    "topology/synchronizers": {"find", "known"},
    "topology/delegation": {"namespace_key", "refuse_without_root_key", "refuse_removed_delegation"},
    "topology/hosting": {"missing_hostings"},
    "contracts/tally": {"add"},
    "offline/participant": {"require_live"},
    "replication/move": {"witness", "_requested"},
    "copying/users": {"plan_copy"},
    "identity/initialisation": {"read_old"},
    "in_place/keys": {"refuse_unfit"},
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


def in_the_code() -> dict[str, str]:
    found = {}
    for module in EXAMINED:
        for name, call in calls(ast.parse((CODE / f"{module}.py").read_text(encoding="utf-8"))):
            if name in SEVERITIES and call.args and isinstance(call.args[0], ast.Constant):
                found[str(call.args[0].value)] = SEVERITIES[name]
    for module, names in REFUSING.items():
        tree = ast.parse((CODE / f"{module}.py").read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names]
        assert {function.name for function in functions} == names
        for function in functions:
            for name, call in calls(function):
                ids = [word.value for word in call.keywords if word.arg == "error_id"]
                found.update({str(item.value): "error" for item in ids if isinstance(item, ast.Constant)})
                assert name != "CantonError" or ids
    return found


def table(heading: str) -> list[list[str]]:
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def test_findings() -> None:
    rows = table("Findings")
    assert {row[0].strip("`"): row[1] for row in rows} == in_the_code()
    ids = [row[0].strip("`") for row in rows]
    assert ids == sorted(set(ids))
    assert all(len(row) == 4 and all(row) for row in rows)


def test_known_bugs() -> None:
    assert table("Known bugs") == [
        [
            f"`{bug.id}`",
            bug.severity,
            ", ".join(map(str, bug.affected)),
            ", ".join(bug.sides),
            ", ".join(bug.methods),
            bug.text
            + (" (only if moving contracts have keys)" if bug.keyed else "")
            + (" (only from protocol version {} to {})".format(*bug.protocols) if bug.protocols else ""),
        ]
        for bug in known_bugs.BUGS
    ]
