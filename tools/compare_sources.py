"""What is compared: a dump or a picture, or (`jpegai.tools.compare_streams`) a codestream that is decoded for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Finding
from jpegai.decoder.canonical import canonical, dtype_of, sha256
from jpegai.decoder.picture.readers import EXTENSIONS, PictureFile, read_picture
from jpegai.decoder.recorder import stage_of
from jpegai.tools.dump_index import Entry, Geometry, Index
from jpegai.tools.dump_layout import channels
from jpegai.tools.dump_readers import open_dump

__all__ = ["Source", "is_codestream", "opened"]

_PICTURE = "picture"


@dataclass(frozen=True)
class Source:
    """One side of a comparison.

    Attributes:
        name: of the file.
        kind: ``dump``, ``hashes``, ``stream`` or ``picture``.
        index: its results and what it says of itself.
        load: returns a result in its canonical form; None where only hashes are there.
        complete: whether a result that the index lacks but its stages name was not made by the decoder; where this is
            not known such results are not held against it.
        picture_file: the samples of a picture file.
        findings: what was odd in a stream.
    """

    name: str
    kind: str
    index: Index
    load: Callable[[str], NDArray[Any]] | None = None
    complete: bool = False
    picture_file: PictureFile | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def about(self) -> Mapping[str, Any]:
        """What the index says of the decode."""
        return self.index.about

    def lacks(self, name: str) -> bool:
        """Whether a result should be there and is not."""
        stages = self.index.stages or ()
        return self.complete and name not in self.index.results and bool({name, stage_of(name)} & {*stages})

    def entry(self, name: str, other: Source) -> Entry:
        """Return an entry with its hash; where there are samples it is theirs, whatever the index says.

        Args:
            name: of the result.
            other: what it is held against, which tells how the samples of a picture file are meant.
        """
        entry = self.index.results[name]
        if self.picture_file is not None:
            return _picture_entry(self.picture_file, other.index.geometry)
        if self.load is None:
            return entry
        return Entry(name, entry.shape, entry.dtype, entry.fraction_bits, sha256(self.load(name)))

    def picture(self) -> PictureFile | None:
        """Return the samples of the picture; None where only hashes are there."""
        if self.picture_file is not None or self.load is None:
            return self.picture_file
        entry, geometry = self.index.results[_PICTURE], self.index.geometry
        array = self.load(_PICTURE)
        planes = tuple(channels(entry, array, geometry))
        if geometry is not None:
            return PictureFile(planes, geometry.format.space, geometry.format.depth)
        return PictureFile(planes, "rgb" if array.ndim == 3 else None)


def _picture_entry(picture: PictureFile, geometry: Geometry | None) -> Entry:
    """Return the entry that the samples of a picture file have as a result of a decode."""
    planes, space = picture.planes, picture.space or "rgb"
    if geometry is not None:
        space = picture.space or geometry.format.space
        if picture.widened and 8 < geometry.format.depth < 16:
            planes = tuple(plane >> (16 - geometry.format.depth) for plane in planes)
    array = np.concatenate([plane.ravel() for plane in planes]) if space == "yuv" else np.stack(planes, axis=-1)
    try:
        array = canonical(_PICTURE, array)
    except ValueError:  # samples that no picture has, so that no hash is theirs
        return Entry(_PICTURE, array.shape, dtype_of(_PICTURE, array.dtype.name))
    return Entry(_PICTURE, array.shape, array.dtype.name, None, sha256(array))


def is_codestream(path: str) -> bool:
    """Whether a path is decoded: it is neither a folder nor has an extension of a dump or a picture."""
    suffix = Path(path).suffix.lower()
    return not Path(path).is_dir() and suffix not in (".npz", ".json", *EXTENSIONS)


def opened(path: str, *, max_bytes: int, max_pixels: int) -> Source:
    """Open a dump or a picture.

    Args:
        path: of the file or folder.
        max_bytes: memory that one result may take.
        max_pixels: largest picture, in samples.

    Raises:
        JpegAIError: it is damaged, too large, or neither.
        OSError: it cannot be read.
    """
    if Path(path).suffix.lower() in EXTENSIONS and not Path(path).is_dir():
        picture = read_picture(path, max_pixels)
        rows, columns = picture.planes[0].shape
        shape, dtype = (len(picture.planes), rows, columns), dtype_of(_PICTURE, picture.planes[0].dtype.name)
        index = Index({_PICTURE: Entry(_PICTURE, shape, dtype)})
        return Source(path, "picture", index, picture_file=picture)
    dump = open_dump(path, max_bytes)
    kind = "dump" if dump.has_arrays else "hashes"
    return Source(path, kind, dump.index, dump.load if dump.has_arrays else None, complete=dump.indexed)
