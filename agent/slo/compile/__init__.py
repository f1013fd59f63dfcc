"""The compiler: objectives in, Prometheus rules out, in our dialect or in sloth's.

It writes values and text; it reads no file, and what it emits is checked by the rooms that evaluate rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.slo.compile.compiler import compile_slo, compile_slos
    from agent.slo.compile.emitted import AlertRule, Compiled, Record, RuleGroup
    from agent.slo.compile.files import rule_file, warnings_of
    from agent.slo.compile.setting import Dialect, Setting

__all__ = [
    "AlertRule",
    "Compiled",
    "Dialect",
    "Record",
    "RuleGroup",
    "Setting",
    "compile_slo",
    "compile_slos",
    "rule_file",
    "warnings_of",
]

__getattr__ = lazy(
    __name__,
    {
        "compiler": ("compile_slo", "compile_slos"),
        "emitted": ("AlertRule", "Compiled", "Record", "RuleGroup"),
        "files": ("rule_file", "warnings_of"),
        "setting": ("Dialect", "Setting"),
    },
)
