# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place that knows AnsibleModule: argument specs, dependencies, clients, and how results and errors are returned."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ._connection import Params, Spec, check_dependencies, connection_spec, pair_spec, participant_of, reader_of
from ._errors import CantonError
from ._outcome import Outcome
from ._participant.contracts.progress import Report
from ._participant.model.interface import Participant, Reader, require_same_major

_Seen = t.TypeVar("_Seen", bound=Reader)


def run_participant(spec: Spec, ensure: t.Callable[[Params, Participant, bool], Outcome], **rules: t.Any) -> None:
    """Run a module that connects to one participant."""
    together = [*rules.pop("required_together", []), ("client_cert", "client_key")]
    module = _module({**connection_spec(), **spec}, required_together=together, **rules)
    _run(
        module,
        lambda: ensure(module.params, _remembering(participant_of(module.params, "participant")), module.check_mode),
        check_dependencies,
    )


def run_pair(
    spec: Spec, ensure: t.Callable[[Params, Reader, Reader, bool], Outcome], any_release: bool = False, **rules: t.Any
) -> None:
    """Run a module that connects to two participants, both of one major release unless ``any_release``."""
    module = _module({**pair_spec(), **spec}, **rules)

    def act() -> Outcome:
        source, target = _side(module, "source"), _side(module, "target")
        if not any_release:
            require_same_major(source, target)
        return ensure(module.params, source, target, module.check_mode)

    _run(module, act, check_dependencies)


def run_transfer(
    spec: Spec,
    ensure: t.Callable[[Params, Reader | None, Reader, bool, Report], Outcome],
    during: t.Callable[[Params, bool], t.ContextManager[Report]],
    **rules: t.Any,
) -> None:
    """Run a module that connects to a target and, depending on its options, to a source (whose spec it has itself).

    ``during`` is held from before the first connection to the end, and gives what progress is reported to.
    """
    module = _module({"target": pair_spec()["target"], **spec}, **rules)

    def act() -> Outcome:
        with during(module.params, module.check_mode) as report:
            source, target = _given(module, "source"), _side(module, "target")
            if source is not None:
                require_same_major(source, target)
            return ensure(module.params, source, target, module.check_mode, report)

    _run(module, act, check_dependencies)


def run_either(
    spec: Spec, ensure: t.Callable[[Params, Reader | None, Reader | None, bool], Outcome], **rules: t.Any
) -> None:
    """Run a module that connects to a source, a target or both, depending on its options; both of one major release."""
    ends = {name: {**values, "required": False} for name, values in pair_spec().items()}
    module = _module({**ends, **spec}, **rules)

    def act() -> Outcome:
        source, target = _given(module, "source"), _given(module, "target")
        if source is not None and target is not None:
            require_same_major(source, target)
        return ensure(module.params, source, target, module.check_mode)

    _run(module, act, check_dependencies)


def run_source(
    spec: Spec, ensure: t.Callable[[Params, Reader, bool], Outcome], check: t.Callable[[], None], **rules: t.Any
) -> None:
    """Run a module that connects to a ``source`` participant and to something else, whose libraries ``check`` checks."""
    module = _module({"source": pair_spec()["source"], **spec}, **rules)

    def check_both() -> None:
        check_dependencies()
        check()

    _run(module, lambda: ensure(module.params, _side(module, "source"), module.check_mode), check_both)


def run_plain(
    spec: Spec, ensure: t.Callable[[Params, bool], Outcome], check: t.Callable[[], None], **rules: t.Any
) -> None:
    """Run a module that connects to no participant; ``check`` raises DependencyMissing."""
    module = _module(spec, **rules)
    _run(module, lambda: ensure(module.params, module.check_mode), check)


def read_file(path: str) -> bytes:
    """The content of a file that an option names."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as exc:
        raise CantonError(
            f"The file {path} cannot be read: {exc.strerror}",
            error_id="file_unreadable",
            hint="Name a file on the host that runs the module, readable for the user who runs it.",
        ) from exc


def _side(module: AnsibleModule, name: str) -> Reader:
    return _remembering(reader_of(module.params[name], f"{name} participant"))


def _remembering(participant: _Seen) -> _Seen:
    participant.remember()
    return participant


def _given(module: AnsibleModule, name: str) -> Reader | None:
    return _side(module, name) if module.params[name] else None


def _module(spec: Spec, **rules: t.Any) -> AnsibleModule:
    return AnsibleModule(argument_spec=spec, supports_check_mode=True, **rules)


def _run(module: AnsibleModule, act: t.Callable[[], Outcome], check: t.Callable[[], None]) -> None:
    try:
        check()
        outcome = act()
    except CantonError as exc:
        module.fail_json(msg=str(exc), error_id=exc.error_id, hint=exc.hint, **exc.details)
    except KeyboardInterrupt:
        module.fail_json(msg="Interrupted. Nothing is lost: run the same task again to resume.", error_id="interrupted")
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.exit_values(want_diff=bool(module._diff)))
