"""What the schemas compute with: expressions over names, and the values of a header under those names.

Values live in one flat `Header` under the element names of the specification, indexed as there (``num_chs[c]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import Entry

__all__ = ["Expression", "Header", "Indexed", "Scope", "ceil_div", "ceil_log2"]


def ceil_div(a: int, b: int) -> int:
    """Return the ceiling of a / b."""
    return -(-a // b)


def ceil_log2(n: int) -> int:
    """Return the smallest k with 2^k >= n: the bits of a number below n (01.5.2)."""
    return (n - 1).bit_length()


_FUNCTIONS: dict[str, Any] = {
    "__builtins__": {},
    "ceil_div": ceil_div,
    "ceil_log2": ceil_log2,
    "min": min,
    "max": max,
    "len": len,
    "map": map,
    "range": range,
}


class Expression:
    """A declared expression over element names, derived variables and loop variables."""

    def __init__(self, text: str | int | bool) -> None:
        self.text = str(text)
        self._code: CodeType | None = None  # most declarations are never needed by one stream
        # a number or a single name, the most frequent ones, need no evaluation
        self._constant = int(self.text) if self.text.isdecimal() else None
        self._name = self.text if self.text.isidentifier() and self.text not in ("True", "False") else None

    def __call__(self, context: Any) -> Any:
        """Evaluate with a construct context; construct accepts the object wherever it accepts a lambda."""
        return self.evaluate(context._params.scope)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Evaluate with any mapping of names.

        Raises:
            KeyError: a name, or an entry of an array, is not there.
        """
        if self._name is not None:
            return names[self._name]
        if self._constant is not None:
            return self._constant
        if self._code is None:
            self._code = compile(self.text, "<declaration>", "eval")
        try:
            return eval(self._code, _FUNCTIONS, names)  # declarations are our own text, never input
        except NameError as error:
            raise KeyError(error.name) from None

    def __repr__(self) -> str:
        return self.text


class Indexed(Mapping[int, Any]):
    """The values of an indexed element; entries that are absent have the element's inferred value.

    `depth` is the number of further indices: the entries of an array of depth 1 are arrays of depth 0.
    """

    __slots__ = ("_items", "_sparse", "depth", "inferred")

    def __init__(self, inferred: Any = None, depth: int = 0) -> None:
        self._items: list[Any] = []  # entries 0, 1, 2, ...
        self._sparse: dict[int, Any] = {}  # entries behind a hole
        self.inferred = inferred
        self.depth = depth

    def __getitem__(self, index: int) -> Any:
        if 0 <= index < len(self._items):
            return self._items[index]
        if index in self._sparse:
            return self._sparse[index]
        if self.inferred is None or index < 0:
            raise KeyError(index)
        return Indexed(self.inferred, self.depth - 1) if self.depth else self.inferred

    def __setitem__(self, index: int, value: Any) -> None:
        if 0 <= index < len(self._items):
            self._items[index] = value
        elif index != len(self._items):
            self._sparse[index] = value
        else:
            self._items.append(value)
            while len(self._items) in self._sparse:
                self._items.append(self._sparse.pop(len(self._items)))

    def extend(self, first: int, values: list[Any]) -> None:
        """Set the entries from `first` on."""
        if first == len(self._items) and not self._sparse:
            self._items += values
            return
        for index, value in enumerate(values, first):
            self[index] = value

    def inner(self, index: int) -> Indexed:
        """Return the array at an index, made where it is not there yet."""
        if index not in self._sparse and not 0 <= index < len(self._items):
            self[index] = Indexed(self.inferred, max(0, self.depth - 1))
        return self[index]  # type: ignore[no-any-return]

    def __contains__(self, index: object) -> bool:
        return index in self._sparse or (isinstance(index, int) and 0 <= index < len(self._items))

    def __iter__(self) -> Iterator[int]:
        return iter((*range(len(self._items)), *sorted(self._sparse)))

    def __len__(self) -> int:
        return len(self._items) + len(self._sparse)

    def __repr__(self) -> str:
        return repr(self._items if not self._sparse else dict(self))


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
        elif isinstance(value, (list, tuple, range)):
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
        array = self.array(name, len(index), inferred)
        for position in index[:-1]:
            array = array.inner(position)
            if array.inferred is None:
                array.inferred = inferred
        return array

    def array(self, name: str, indices: int, inferred: Any) -> Indexed:
        """Return the array of an element with as many indices, made without entries where it is not there yet."""
        array: Indexed | None = self.values_.get(name)
        if array is None:
            array = self.values_[name] = Indexed(inferred, indices - 1)
        elif array.inferred is None:
            array.inferred = inferred
        return array


class Scope(Mapping[str, Any]):
    """What the expressions of a schema see: loop variables, the header's own values, then those of other headers.

    `fields` collects the trace when it is a list; `findings` collects illegal values.
    """

    def __init__(
        self, header: Header, outer: Mapping[str, Any] | None = None, fields: list[Entry] | None = None
    ) -> None:
        self.header = header
        self.outer = {} if outer is None else outer  # asking a mapping for its truth counts it
        self.fields = fields
        self.findings: list[Finding] = []
        self.loop: dict[str, int] = {}

    def with_value(self, value: Any) -> Scope:
        """Return the same names, and ``v`` for a value that is looked at."""
        scope = Scope(self.header, self.outer)
        scope.loop = {**self.loop, "v": value}
        return scope

    def __getitem__(self, name: str) -> Any:
        for names in (self.loop, self.header.values_):
            if name in names:
                return names[name]
        return self.outer[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.outer, **self.header, **self.loop})

    def __len__(self) -> int:
        return len(set(iter(self)))
