"""What the filters read from the tools header: checks and dequantised weights (sections 8.2, 8.7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ConformanceError
from jpegai.decoder.filters.planes import Float32

__all__ = ["WEIGHT_BITS", "integers", "require", "weights"]

#: Weights are multiples of 2^-11.
WEIGHT_BITS = 11

_ZERO_CODE = 32767
_ONE = 1 << WEIGHT_BITS
_MAX_CODE = 65535


def require(condition: bool, rule: str, selector: str, expected: str, found: Any) -> None:
    """Refuse a stream that breaks a rule the filters need (8.7, 12.6.3).

    Raises:
        ConformanceError: the condition does not hold.
    """
    if not condition:
        raise ConformanceError(
            f"{rule}: the filter cannot be applied",
            selector=f"ton.{selector}",
            expected=expected,
            found=found,
            rule=rule,
        )


def integers(values: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the values of an indexed element (``values[i][j]``) as an array of this shape."""

    def nested(entry: Any, sizes: tuple[int, ...]) -> Any:
        return [nested(entry[i], sizes[1:]) for i in range(sizes[0])] if sizes else entry

    return np.array(nested(values, shape), np.int64).reshape(shape)


def weights(symbols: NDArray[np.int64], minimum: int, selector: str) -> Float32:
    """Return the weights of transmitted symbols, float32 of the same shape, exact (8.2).

    Args:
        symbols: int64, as parsed.
        minimum: minSymbol, added to each.
        selector: names the element in an error.

    Raises:
        ConformanceError: a code exceeds 65535 (R-52).
    """
    codes = symbols + minimum
    greatest = int(codes.max(initial=0))
    require(greatest <= _MAX_CODE, "R-52", selector, f"codes up to {_MAX_CODE}", greatest)
    return ((codes - _ZERO_CODE) / _ONE).astype(np.float32)
