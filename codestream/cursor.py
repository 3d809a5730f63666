"""The bit cursor: reads and writes unsigned numbers and Exp-Golomb codes (section 01.5), on bitstring."""

from __future__ import annotations

from collections.abc import Sequence

from bitstring import Array, BitArray, Bits, Reader, ReadError

from jpegai.codestream.errors import StreamSyntaxError, TruncatedError

__all__ = ["MAX_ZERO_BITS", "BitReader", "BitWriter"]

#: Longest run of zero bits in front of an Exp-Golomb code (rule S-07): no length or size needs more.
MAX_ZERO_BITS = 32


class BitReader:
    """Reads a byte string bit by bit; bytes are looked at, and copied, only when bits of them are asked for.

    Args:
        data: the bytes.
        start: position of the first byte in the file; positions and errors are given in bits of the file.
        ahead: whether the first bits that are asked for may take all bytes along, which is faster. Else no byte is
            looked at behind the bits that are read: of a table whose length only its content says.
    """

    def __init__(self, data: bytes | memoryview, start: int = 0, *, ahead: bool = True) -> None:
        self._data = memoryview(data)
        self._origin = 8 * start
        self._ahead = ahead
        self._local = 0  # position of the next bit in the data
        self._end = 0  # behind the last bit that the reader holds
        self._reader: Reader | None = None

    def _bits(self, count: int) -> Reader:
        """Return the reader for the next `count` bits, which it holds where the data have so many."""
        stop = self._local + count
        if self._reader is None or stop > self._end:
            first, within = divmod(self._local, 8)
            last = len(self._data) if self._ahead else min(len(self._data), -(-stop // 8))
            self._reader = Reader(Bits.from_bytes(bytes(self._data[first:last])))
            self._reader.pos = within
            self._end = 8 * last
        return self._reader

    @property
    def position(self) -> int:
        """Position of the next bit in the file."""
        return self._origin + self._local

    @property
    def remaining(self) -> int:
        """Number of bits not read yet."""
        return 8 * len(self._data) - self._local

    def need(self, bits: int) -> None:
        """Check that as many bits are left.

        Raises:
            TruncatedError: they are not.
        """
        if bits > self.remaining:
            raise TruncatedError(
                "the bits end inside the element",
                bit_offset=self.position,
                expected=f"{bits} bits",
                found=f"{self.remaining}",
            )

    def u(self, bits: int) -> int:
        """Read an unsigned number of `bits` bits, most significant first; 0 bits give 0."""
        if bits == 0:
            return 0
        try:
            value = int(self._bits(bits).read_value(f"u{bits}"))
        except ReadError:
            self.need(bits)
            raise
        self._local += bits
        return value

    def run(self, count: int, bits: int) -> list[int]:
        """Read `count` unsigned numbers of `bits` bits each."""
        self.need(count * bits)
        if bits == 0 or count == 0:
            return [0] * count
        values = self._bits(count * bits).read_array(f"u{bits}", count).to_list()
        self._local += count * bits
        return list(values)

    def take(self, count: int) -> memoryview:
        """Read `count` bytes, which begin on a byte boundary of the data, as a view."""
        self.need(8 * count)
        first, within = divmod(self._local, 8)
        assert not within, "a byte string begins within a byte"
        self._local += 8 * count
        self._reader = None
        return self._data[first : first + count]

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code (01.5.3)."""
        start = self.position
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if zeros > MAX_ZERO_BITS:
                raise StreamSyntaxError(
                    "Exp-Golomb code too long",
                    bit_offset=start,
                    expected=f"at most {MAX_ZERO_BITS} zero bits in front",
                )
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Read a signed Exp-Golomb code (01.5.4)."""
        code = self.ue()
        magnitude = (code + 1) >> 1
        return magnitude if code & 1 else -magnitude

    def align(self) -> tuple[int, int]:
        """Skip to the next byte boundary; return the number of bits skipped and their value."""
        bits = -self._local % 8
        return bits, self.u(bits)


class BitWriter:
    """Collects numbers into a byte string."""

    def __init__(self) -> None:
        self._bits = BitArray()

    def u(self, bits: int, value: int) -> None:
        """Append `value` as an unsigned number of `bits` bits; the caller has checked that it fits."""
        if bits:
            self._bits.append(Bits.from_dtype(f"u{bits}", value))

    def run(self, bits: int, values: Sequence[int]) -> None:
        """Append numbers of `bits` bits each; the caller has checked that they fit."""
        if bits and values:
            self._bits.append(Array(f"u{bits}", values).data)

    def take(self, data: bytes | memoryview) -> None:
        """Append a byte string."""
        self._bits.append(Bits.from_bytes(bytes(data)))

    def ue(self, value: int) -> None:
        """Append an unsigned Exp-Golomb code."""
        zeros = (value + 1).bit_length() - 1
        self.u(zeros, 0)
        self.u(zeros + 1, value + 1)

    def se(self, value: int) -> None:
        """Append a signed Exp-Golomb code."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def align(self) -> None:
        """Append zero bits up to the next byte boundary."""
        self.u(-len(self._bits) % 8, 0)

    def bytes(self) -> bytes:
        """Return what was written, filled with zero bits to a whole byte."""
        return bytes(self._bits.to_bytes())
