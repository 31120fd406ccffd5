# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the variables that each entry point of a role uses with its argument_specs, in both directions, and the variables
that playbooks and inventories set with those that a role or a playbook reads.

An entry point uses what its tasks file reads, and the files of tasks and templates that it includes, also through variables of
the role's vars and defaults. Includes under any condition count. Names in text for people do not: only expressions are read.

Usage: check_role_variables.py ROOT
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, nodes

# keys whose values are expressions without braces
EXPRESSIONS = {"when", "that", "failed_when", "changed_when", "until"}
INCLUDES = {"ansible.builtin.include_tasks", "ansible.builtin.import_tasks"}
SET_BY_TASKS = {"ansible.builtin.set_fact", "vars"}
JINJA = Environment(trim_blocks=True)


def names(expression: str) -> set[str]:
    return {node.name for node in JINJA.parse(expression).find_all(nodes.Name)}


def expressions(value: Any, bare: bool = False) -> Iterator[str]:
    """Everything that Ansible evaluates in some YAML."""
    if isinstance(value, str):
        yield f"{{{{ {value} }}}}" if bare and "{{" not in value else value
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item, bare)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from expressions(key)
            yield from expressions(item, key in EXPRESSIONS)


def templates(text: str) -> set[str]:
    return set(re.findall(r"\w[\w.]*\.j2\b", text))


def variables(value: Any) -> set[str]:
    return {name for text in expressions(value) for name in names(text)}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


class Role:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"{folder.name}_"
        self.specs = load(folder / "meta" / "argument_specs.yml")["argument_specs"]
        self.own = {**(load(folder / "defaults" / "main.yml") or {}), **(load(folder / "vars" / "main.yml") or {})}

    @cached_property
    def documented(self) -> set[str]:
        return {name for spec in self.specs.values() for name in spec["options"]}

    @cached_property
    def facts(self) -> set[str]:
        """What the role's tasks set, such as its results."""
        found: set[str] = set()
        for path in (self.folder / "tasks").rglob("*.yml"):
            for task in tasks(load(path)):
                found.update(name for key in SET_BY_TASKS for name in task.get(key, {}))
        return found

    def used(self, entry: str) -> set[str]:
        """The public variables that an entry point reads."""
        found: set[str] = set()
        open_ends = {f"{entry}.yml"}
        while open_ends:
            end = open_ends.pop()
            found.add(end)
            open_ends |= self._read_by(end) - found
        return {name for name in found if name.startswith(self.prefix)} - self.facts

    def _read_by(self, end: str) -> set[str]:
        """The variables, templates and files of tasks that are read where a variable, template or file of tasks is used."""
        if end.endswith(".j2"):
            text = (self.folder / "templates" / end).read_text(encoding="utf-8")
            return names(text) | templates(text)
        value = load(self.folder / "tasks" / end) if end.endswith(".yml") else self.own.get(end)
        texts = includes(value) if end.endswith(".yml") else expressions(value)
        included = {
            name
            for text in texts
            for name in re.findall(r"[\w/]+\.yml", text)
            if (self.folder / "tasks" / name).exists()
        }
        return variables(value) | included | {name for text in expressions(value) for name in templates(text)}

    def breaches(self) -> Iterator[str]:
        for entry, spec in self.specs.items():
            used, listed = self.used(entry), set(spec["options"])
            for name in sorted(used - listed):
                yield f"{self.folder.name}, entry point {entry}: argument_specs lack {name}, which its tasks use"
            for name in sorted(listed - used):
                yield f"{self.folder.name}, entry point {entry}: argument_specs list {name}, which no task uses"


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    for task in value or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def includes(value: Any) -> Iterator[str]:
    for task in tasks(value):
        for key in INCLUDES & task.keys():
            yield str(task[key])


def given(value: Any) -> Iterator[str]:
    """The names of all variables that a playbook or an inventory sets."""
    if isinstance(value, list):
        for item in value:
            yield from given(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from given(item)


def playbook_breaches(root: Path, roles: list[Role]) -> Iterator[str]:
    playbooks = {path: load(path) for path in sorted((root / "playbooks").glob("**/*.yml"))}
    known = {name for content in playbooks.values() for name in variables(content)}
    known = known.union(*(role.documented | role.facts | {role.folder.name} for role in roles))
    prefixes = tuple(role.prefix for role in roles)
    for path, content in playbooks.items():
        for name in sorted({*given(content)} - known):
            if name.startswith(prefixes):
                yield f"{path.relative_to(root)}: sets {name}, which no role and no playbook reads"


def main(root: Path) -> int:
    roles = [Role(path.parents[1]) for path in sorted(root.glob("roles/*/meta/argument_specs.yml"))]
    breaches = [breach for role in roles for breach in role.breaches()] + list(playbook_breaches(root, roles))
    for breach in breaches:
        print(breach)
    print(f"variables of roles: {sum(len(role.documented) for role in roles)}, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
