# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""House rules that no linter knows. Prints every breach, and fails when there is one.

Usage: check_repository.py ROOT
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import error_rules, references

LICENCE_LINE = "SPDX-License-Identifier: GPL-3.0-or-later"
SOURCE_SUFFIXES = {".py", ".proto", ".sh", ".toml", ".yaml", ".yml"}
SOURCE_NAMES = {"Makefile"}
WRITTEN_BY_TOOLS = {"changelogs/changelog.yaml", "changelogs/.plugin-cache.yaml"}
# the files in which linters and generators hide what was not repaired, or what was not written by hand
UNWANTED = re.compile(r"(_pb2(_grpc)?\.pyi?|(^|/)tests/sanity/ignore[^/]*|(^|/)\.ansible-lint-ignore)$")
# in brackets, so that this file passes its own check
PROMISE = re.compile(r"\b(TO[D]O|FIX[M]E)\b")
TASK_NAME = re.compile(r"[A-Z][a-z]+( [a-z]+)* \| [A-Z][a-z]+( \S+)*")
TASK_NAME_LENGTH = 60

UTILS, UNIT_TESTS = Path("plugins/module_utils"), Path("tests/unit/plugins/module_utils")
FROM_A_TEST = re.compile(r"\s*(from|import)\s+(\w+\.)*test_\w+")

Rule = Callable[[Path, "list[str]"], Iterator[str]]


def listed(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    return sorted(name for name in names if name and (root / name).is_file())


def text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8", errors="replace")


def is_source(root: Path, name: str) -> bool:
    path = Path(name)
    if name in WRITTEN_BY_TOOLS or name.startswith("changelogs/fragments/"):
        return False
    if path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES:
        return True
    return not path.suffix and text(root, name).startswith("#!")


def licence_lines(root: Path, names: list[str]) -> Iterator[str]:
    """Empty files are exempt: ansible-test wants ``__init__.py`` empty."""
    for name in names:
        if is_source(root, name):
            content = text(root, name)
            if content and LICENCE_LINE not in "\n".join(content.splitlines()[:6]):
                yield f"{name}:1: the first lines lack '{LICENCE_LINE}'"


def product_knows_no_sandbox(root: Path, names: list[str]) -> Iterator[str]:
    for name in names:
        if name.startswith(("plugins/", "roles/")):
            for number, line in enumerate(text(root, name).splitlines(), 1):
                if "sandbox" in line.lower():
                    yield f"{name}:{number}: plugins and roles must not know the sandbox"


def nothing_unwanted(_root: Path, names: list[str]) -> Iterator[str]:
    for name in names:
        if UNWANTED.search(name):
            yield f"{name}: generated code and lists of ignored findings are not committed"


def no_promises(root: Path, names: list[str]) -> Iterator[str]:
    for name in names:
        if is_source(root, name):
            for number, line in enumerate(text(root, name).splitlines(), 1):
                if PROMISE.search(line):
                    yield f"{name}:{number}: open work belongs into an issue, not into a comment"


def action_groups(root: Path, names: list[str]) -> Iterator[str]:
    """Each module is in exactly one action group, and each member of a group is a module."""
    groups = yaml.safe_load(text(root, "meta/runtime.yml"))["action_groups"]
    members = Counter(member for group in groups.values() for member in group)
    modules = {Path(name).stem for name in names if re.fullmatch(r"plugins/modules/[a-z][a-z0-9_]*\.py", name)}
    for module in sorted(modules | set(members)):
        if module not in modules:
            yield f"meta/runtime.yml: action group member {module} is not a module"
        elif members[module] != 1:
            yield f"meta/runtime.yml: module {module} is in {members[module]} action groups, not in one"


def molecule_playbooks(root: Path, names: list[str]) -> Iterator[str]:
    """A playbook that a scenario lacks is only a warning for molecule, and so nothing would be tested."""
    steps = yaml.safe_load(text(root, "extensions/molecule/config.yml"))["scenario"]["test_sequence"]
    for name in names:
        if re.fullmatch(r"extensions/molecule/[^/]+/molecule\.yml", name):
            for step in set(steps) - {"idempotence"}:
                playbook = str(Path(name).with_name(f"{step}.yml"))
                if playbook not in names:
                    yield f"{playbook}: the sequence of molecule's config.yml needs this playbook"


def references_resolve(root: Path, names: list[str]) -> Iterator[str]:
    """Citations of facts and links between pages have a page and a heading; nothing outside of the repository is cited."""
    pages = references.Pages(root)
    for name in names:
        is_page = name.endswith(".md")
        lines = text(root, name).splitlines() if is_page or is_source(root, name) else []
        yield from references.citations(name, lines, pages)
        if is_page:
            yield from references.links(name, lines, pages)


def errors_of_the_product(root: Path, names: list[str]) -> Iterator[str]:
    for name in names:
        if name.startswith("plugins/") and name.endswith(".py"):
            source = text(root, name)
            yield from error_rules.compared_ids(name, source)
            if name.startswith(("plugins/module_utils/", "plugins/modules/", "plugins/action/")):
                yield from error_rules.named_roles(name, source)


def task_names(root: Path, names: list[str]) -> Iterator[str]:
    """Tasks of roles are named ``Phase | Verb object``, short enough for one line of output."""
    for name in names:
        if re.fullmatch(r"roles/[^/]+/tasks/[^/]+\.yml", name):
            for number, line in enumerate(text(root, name).splitlines(), 1):
                task = re.match(r" *- name: (.*)", line)
                if task and not (TASK_NAME.fullmatch(task[1]) and len(task[1]) <= TASK_NAME_LENGTH):
                    yield f"{name}:{number}: a task is named 'Phase | Verb object', with at most {TASK_NAME_LENGTH} characters"


def every_module_has_a_unit_test(_root: Path, names: list[str]) -> Iterator[str]:
    """``a/_b.py`` is tested in ``a/test_b.py``: where the tests of a module are is no question."""
    for name in names:
        module = Path(name)
        if module.suffix == ".py" and module.name != "__init__.py" and module.is_relative_to(UTILS):
            test = UNIT_TESTS / module.relative_to(UTILS).with_name(f"test_{module.name.lstrip('_')}")
            if str(test) not in names:
                yield f"{name}: its unit tests are missing ({test})"


def no_test_imports_a_test(root: Path, names: list[str]) -> Iterator[str]:
    """What two tests share is in a support module."""
    for name in names:
        if name.startswith("tests/") and name.endswith(".py"):
            for number, line in enumerate(text(root, name).splitlines(), 1):
                if FROM_A_TEST.match(line):
                    yield f"{name}:{number}: tests are not imported; what they share belongs into a support module"


RULES: list[Rule] = [
    licence_lines,
    product_knows_no_sandbox,
    nothing_unwanted,
    no_promises,
    action_groups,
    molecule_playbooks,
    references_resolve,
    errors_of_the_product,
    every_module_has_a_unit_test,
    no_test_imports_a_test,
    task_names,
]


def main(root: Path) -> int:
    names = listed(root)
    breaches = [breach for rule in RULES for breach in rule(root, names)]
    for breach in breaches:
        print(breach)
    print(f"house rules: {len(names)} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
