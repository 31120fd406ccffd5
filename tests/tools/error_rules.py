# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about errors in ``plugins``: code distinguishes them by class, and their texts know no role."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

# What module code says is also read where no role runs.
ROLE = re.compile(r"\bkms_(migration|participant)_[a-z]\w*|(?<![-_\w])playbooks?\b")


def compared_ids(name: str, source: str) -> Iterator[str]:
    """Conditions on an ``error_id``: comparisons, and calls of its methods."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            conditions = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            conditions = [node.func.value]
        else:
            continue
        if any(_is_error_id(item) for item in conditions):
            yield f"{name}:{node.lineno}: errors are distinguished by class, not by their error_id"


def _is_error_id(node: ast.expr) -> bool:
    """``exc.error_id``, ``result["error_id"]`` or ``result.get("error_id")``; an error may look at its own."""
    if isinstance(node, ast.Attribute):
        return node.attr == "error_id" and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    if isinstance(node, ast.Subscript):
        return _is_name(node.slice)
    return isinstance(node, ast.Call) and any(_is_name(argument) for argument in node.args)


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == "error_id"


def named_roles(name: str, source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), 1):
        found = ROLE.search(line)
        if found:
            yield f"{name}:{number}: module code names its options, not {found[0]}: the role adds what it knows"
