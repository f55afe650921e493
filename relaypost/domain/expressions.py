"""Retry-delay expressions (section 2.8): text, to a checked program, to a pause in milliseconds.

A parsed expression is a list of steps for a stack, so evaluation can't recurse and always ends.
Arithmetic is IEEE 754: what Python reports by raising comes out as an infinity or a NaN.
"""

import enum
import functools
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from relaypost.domain import arithmetic

MAX_PAUSE_MS = 86_400_000
MAX_LENGTH = 500
MAX_DEPTH = 50
CACHE_SIZE = 1024


class ExpressionError(ValueError):
    """The text is not an expression; the message is the reason."""


class Variable(enum.Enum):
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class Operation:
    """Takes `arity` numbers off the stack and puts back what `function` makes of them."""

    function: Callable[..., float]
    arity: int


Step = float | Variable | Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """The steps of an expression in postfix order."""

    steps: tuple[Step, ...]

    def evaluate(self, retried: int) -> float:
        stack: list[float] = []
        for step in self.steps:
            if isinstance(step, Operation):
                arguments = stack[-step.arity :]
                del stack[-step.arity :]
                stack.append(step.function(*arguments))
            elif isinstance(step, Variable):
                stack.append(float(retried))
            else:
                stack.append(step)
        return stack[-1]


@functools.lru_cache(maxsize=CACHE_SIZE)
def parse(text: str) -> Expression:
    """Read an expression; raise `ExpressionError` if it is not one."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    return Expression(steps=_Parser(text).read())


def delay_ms(expression: str | Expression, retried: int) -> int | None:
    """The pause, cut to whole ms and kept between 0 and a day; `None` for the default backoff.

    A stored text that can't be read counts like a fault of its evaluation.
    """
    try:
        parsed = parse(expression) if isinstance(expression, str) else expression
    except ExpressionError:
        return None
    value = parsed.evaluate(retried)
    if math.isnan(value):
        return None
    return int(min(max(value, 0.0), float(MAX_PAUSE_MS)))


_SUMS = {"+": Operation(operator.add, 2), "-": Operation(operator.sub, 2)}
_PRODUCTS = {
    "*": Operation(operator.mul, 2),
    "/": Operation(arithmetic.divide, 2),
    "%": Operation(arithmetic.remainder, 2),
}
_POWERS = {"**": Operation(arithmetic.power, 2), "^": Operation(arithmetic.power, 2)}
_NEGATE = Operation(operator.neg, 1)

_FIXED_ARITY: dict[str, Operation] = {
    "pow": Operation(arithmetic.power, 2),
    "exp": Operation(arithmetic.exp, 1),
    "sqrt": Operation(arithmetic.sqrt, 1),
    "abs": Operation(math.fabs, 1),
    "floor": Operation(arithmetic.floor, 1),
    "ceil": Operation(arithmetic.ceil, 1),
    "round": Operation(arithmetic.round_half_away, 1),
}
_ANY_ARITY: dict[str, Callable[..., float]] = {"min": arithmetic.minimum, "max": arithmetic.maximum}

_TOKEN = re.compile(
    r"[ \t]*(?:"
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol>\*\*|[-+*/%^(),])"
    r"|(?P<end>\Z))"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    """The tokens of a text, closed by one of the kind `end`."""
    tokens: list[_Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, position)
        if match is None:
            blanks = len(text[position:]) - len(text[position:].lstrip(" \t"))
            # The character itself may be one that an error text can't carry.
            raise ExpressionError(f"unexpected character at position {position + blanks + 1}")
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent; each method reads one rule of the grammar and adds its steps."""

    def __init__(self, text: str) -> None:
        self._tokens = iter(_tokens(text))
        self._token = next(self._tokens)
        self._depth = 0
        self._steps: list[Step] = []

    def read(self) -> tuple[Step, ...]:
        self._sum()
        if self._token.kind != "end":
            raise self._unexpected()
        return tuple(self._steps)

    def _sum(self) -> None:
        self._product()
        while operation := self._take(_SUMS):
            self._product()
            self._steps.append(operation)

    def _product(self) -> None:
        self._signed_power()
        while operation := self._take(_PRODUCTS):
            self._signed_power()
            self._steps.append(operation)

    def _signed_power(self) -> None:
        """Read a chain of powers, each exponent with at most one sign.

        Both bind to all that follows them (-2**-3**2 is -(2**(-(3**2)))), so the operations of
        the chain come after its last operand, in reverse. A loop: a chain is no nesting.
        """
        pending: list[Operation] = []
        while True:
            if self._take(_SUMS) is _SUMS["-"]:
                pending.append(_NEGATE)
            self._primary()
            power = self._take(_POWERS)
            if power is None:
                break
            pending.append(power)
        self._steps.extend(reversed(pending))

    def _primary(self) -> None:
        token = self._token
        if token.kind == "number":
            self._advance()
            self._steps.append(float(token.text))
        elif token.kind == "name":
            self._advance()
            self._named(token.text)
        elif token.text == "(":
            self._parentheses()
        else:
            raise self._unexpected()

    def _named(self, name: str) -> None:
        if name == Variable.RETRIED.value:
            self._steps.append(Variable.RETRIED)
        elif name in _FIXED_ARITY or name in _ANY_ARITY:
            self._call(name)
        else:
            raise ExpressionError(f'unknown name "{name}"')

    def _call(self, name: str) -> None:
        if self._token.text != "(":
            raise ExpressionError(f'"{name}" needs arguments in parentheses')
        count = self._parentheses(many=True)
        operation = _FIXED_ARITY.get(name) or Operation(_ANY_ARITY[name], count)
        if count != operation.arity:
            plural = "" if operation.arity == 1 else "s"
            raise ExpressionError(f'"{name}" takes {operation.arity} argument{plural}, got {count}')
        self._steps.append(operation)

    def _parentheses(self, *, many: bool = False) -> int:
        """Read what is in parentheses, a comma list if `many`; return the number of items."""
        self._advance()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels")
        self._sum()
        count = 1
        while many and self._token.text == ",":
            self._advance()
            self._sum()
            count += 1
        if self._token.text != ")":
            raise self._unexpected()
        self._advance()
        self._depth -= 1
        return count

    def _take(self, operations: dict[str, Operation]) -> Operation | None:
        """Step over the current token if it stands for one of the operations."""
        operation = operations.get(self._token.text)
        if operation is not None:
            self._advance()
        return operation

    def _advance(self) -> None:
        self._token = next(self._tokens)

    def _unexpected(self) -> ExpressionError:
        if self._token.kind == "end":
            return ExpressionError("unexpected end of the expression")
        return ExpressionError(f'unexpected "{self._token.text}"')
