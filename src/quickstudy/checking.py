"""Whether a value fits the type that a field asks for."""

import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from quickstudy.core.types import QuickstudyError


def checked(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type that a field asks for; TOML's lists become tuples and whole numbers floats."""
    if not _fits(value, hint):
        raise QuickstudyError(f"{where} cannot be {value!r}; it takes {_words(hint)}")
    if isinstance(value, list):
        return tuple(value)
    return float(value) if hint is float else value


def sensible(value: Any, where: str, fewest: int = 1) -> Any:
    """A number that a step count, a size, a rate or a scale can be; whatever is no number passes. `fewest`: of a whole
    number."""
    least = fewest if isinstance(value, int) else 0
    if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value < math.inf:
        raise QuickstudyError(f"{where} is {value!r}; give {'1' if least else 'a number of 0'} or more")
    return value


def _fits(value: Any, hint: Any) -> bool:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is typing.Literal:
        return value in inside
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in inside)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        parts = (inside[0],) * len(value) if inside[-1] is ... else inside
        return len(parts) == len(value) and all(map(_fits, value, parts))
    if origin is dict:
        return isinstance(value, Mapping) and all(
            _fits(key, inside[0]) and _fits(part, inside[1]) for key, part in value.items()
        )
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float) if hint is float else isinstance(value, hint)


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    if typing.get_origin(hint) in (tuple, dict):
        return "a list" if typing.get_origin(hint) is tuple else "a table"
    return getattr(hint, "__name__", None) or str(hint).replace("typing.", "")
