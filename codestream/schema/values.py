"""What the schemas compute with: expressions over names, and the values of a header under those names.

Values live in one flat `Header` under the element names of the specification, indexed as there (``num_chs[c]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import Field

__all__ = ["Expression", "Header", "Indexed", "Scope", "ceil_div"]


def ceil_div(a: int, b: int) -> int:
    """Return the ceiling of a / b."""
    return -(-a // b)


_FUNCTIONS: dict[str, Any] = {
    "__builtins__": {},
    "ceil_div": ceil_div,
    "min": min,
    "max": max,
    "len": len,
    "range": range,
}


class Expression:
    """A declared expression over element names, derived variables and loop variables."""

    def __init__(self, text: str | int | bool) -> None:
        self.text = str(text)
        self._code: CodeType = compile(self.text, "<declaration>", "eval")
        # a number or a single name, the most frequent ones, need no evaluation
        self._constant = int(self.text) if self.text.isdecimal() else None
        self._name = self.text if self.text.isidentifier() and self.text not in ("True", "False") else None

    def __call__(self, context: Any) -> Any:
        """Evaluate with a construct context; construct accepts the object wherever it accepts a lambda."""
        return self.evaluate(context._params.scope)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Evaluate with any mapping of names."""
        if self._name is not None:
            return names[self._name]
        if self._constant is not None:
            return self._constant
        return eval(self._code, _FUNCTIONS, names)  # declarations are our own text, never input

    def __repr__(self) -> str:
        return self.text


class Indexed(Mapping[int, Any]):
    """The values of an indexed element; entries that are absent have the element's inferred value."""

    __slots__ = ("_entries", "inferred")

    def __init__(self, inferred: Any = None) -> None:
        self._entries: dict[int, Any] = {}
        self.inferred = inferred

    def __getitem__(self, index: int) -> Any:
        try:
            return self._entries[index]
        except KeyError:
            if self.inferred is None:
                raise
            return self.inferred

    def __setitem__(self, index: int, value: Any) -> None:
        self._entries[index] = value

    def inner(self, index: int) -> Indexed:
        """Return the array at an index, made where it is not there yet."""
        return self._entries.setdefault(index, Indexed())  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)


class Header(Mapping[str, Any]):
    """The values of one header: elements and derived variables, as attributes and by name.

    Indexed elements are `Indexed` (``header.num_chs[1]``). Building needs only the elements that are present;
    derived variables are recomputed.
    """

    def __init__(self, group: str, values: Mapping[str, Any] | None = None) -> None:
        self.group = group
        self.values_: dict[str, Any] = {}
        for name, value in (values or {}).items():
            self._set_all(name, value)

    def _set_all(self, name: str, value: Any, index: tuple[int, ...] = ()) -> None:
        if isinstance(value, Mapping):
            for key, entry in value.items():
                self._set_all(name, entry, (*index, key))
        elif isinstance(value, (list, tuple)):
            for key, entry in enumerate(value):
                self._set_all(name, entry, (*index, key))
        else:
            self.set(name, index, value)

    def __getitem__(self, name: str) -> Any:
        return self.values_[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values_"][name]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('group', 'header')} has no element {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def __repr__(self) -> str:
        return f"<{self.group}: {len(self)} elements>"

    def get_value(self, name: str, index: tuple[int, ...]) -> Any:
        """Return the value of an element; KeyError when it has none."""
        value = self.values_[name]
        for position in index:
            value = value[position]
        return value

    def set(self, name: str, index: tuple[int, ...], value: Any, inferred: Any = None) -> None:
        """Set the value of an element; `inferred` becomes the value of the missing entries of its array."""
        if not index:
            self.values_[name] = value
            return
        self.declare(name, index, inferred)[index[-1]] = value

    def declare(self, name: str, index: tuple[int, ...], inferred: Any) -> Indexed:
        """Return the innermost array that an index leads to, made where it is not there yet."""
        array: Indexed = self.values_.setdefault(name, Indexed())
        for position in index[:-1]:
            array = array.inner(position)
        if array.inferred is None:
            array.inferred = inferred
        return array


class Scope(Mapping[str, Any]):
    """What the expressions of a schema see: loop variables, the header's own values, then those of other headers.

    `fields` collects the trace when it is a list; `findings` collects illegal values.
    """

    def __init__(
        self, header: Header, outer: Mapping[str, Any] | None = None, fields: list[Field] | None = None
    ) -> None:
        self.header = header
        self.outer = outer or {}
        self.fields = fields
        self.findings: list[Finding] = []
        self.loop: dict[str, int] = {}

    def __getitem__(self, name: str) -> Any:
        for names in (self.loop, self.header.values_):
            if name in names:
                return names[name]
        return self.outer[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.outer, **self.header, **self.loop})

    def __len__(self) -> int:
        return len(set(iter(self)))
