"""info(): joining the labels of info metrics. Not built yet; a call says so."""

from __future__ import annotations

from typing import Final, NoReturn

from agent.errors import ExecutionError
from agent.query import ast
from agent.query.evaluate import Function
from agent.query.evaluation import Evaluation


def _info(_: Evaluation, call: ast.Call) -> NoReturn:
    message = f"{call.pos}: the function info() is not supported; join with * on (…) group_left (…) instead"
    raise ExecutionError(message)


TABLE: Final[dict[str, Function]] = {"info": _info}
