"""Streams that break a rule, made from values or by changing bytes of a clean stream (no pytest in here)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jpegai.codestream import Codestream
from jpegai.codestream.building import build_stream, join_segments
from jpegai.codestream.schema.segments import kind_named

# fmt: off

#: A header of the base profile: 64 x 64, 8 bit, 4:4:4, all channels coded, no regions, no tiles.
_PIH: dict[str, Any] = {
    "stream_profile_idc": 0, "decoder_profile_id": 1, "synthesis_transform_id": [1, 0], "level_idc": 52,
    "img_width_minus64": 0, "img_height_minus64": 0, "diff_display_img_width": 0, "diff_display_img_height": 0,
    "bit_depth_idc": 0, "s_ver_minus1": 0, "s_hor_minus1": 0, "c_ver_minus1": 0, "c_hor_minus1": 0,
    "colour_transform_idx": 1, "model_id": 0, "beta_displacement_log_plus_2048": [2048], "region_partitioning_flag": 0,
    "independent_beta_uv": 0, "num_chs": [160, 96], "use_cube_flags": [0, 0], "rvs_enable_flag": [0, 0],
    "grfs_enable_flag": [0, 0], "synthesis_tile_enable": [0, 0], "gain_3D_enable_flag": 0,
}
_TON: dict[str, Any] = {"lsbs_enable_flag": [0, 0]}
_RDI: dict[str, Any] = {
    "cicp_info_present_flag": 1, "ri_reserved_zero_4bits": [0, 0], "colour_primaries": 1,
    "transfer_characteristics": 13, "matrix_coefficients": 1, "image_full_range_flag": 1,
}
#: Threads of a payload without symbols.
EMPTY = [b"\x00\x00\x01"]


def size(width: int = 64, height: int = 64) -> dict[str, int]:
    return {"img_width_minus64": width - 64, "img_height_minus64": height - 64}


def stream(
    pih: Mapping[str, Any] | None = None,
    ton: Mapping[str, Any] | None = None,
    rdi: Mapping[str, Any] | None = None,
    *,
    edition: str = "is",
    **payloads: Any,
) -> bytes:
    """The base stream with other values and payloads."""
    values = _PIH | dict(pih or {})
    if edition == "dis":
        del values["stream_profile_idc"]
    given = {"soz": EMPTY, "sorp": EMPTY, "sors": EMPTY, **payloads}
    return build_stream(values, ton=_TON | dict(ton or {}), rdi=_RDI | dict(rdi or {}), edition=edition, **given)


def cut(
    width: int, height: int, *, rows: bool = True, independent: bool = False, edition: str = "is", **values: Any
) -> bytes:
    """A picture in two empty regions."""
    header = size(width, height) | regions(2, rows, independent, **values)
    return stream(header, edition=edition, **in_regions(2))


def many_regions() -> bytes:
    """17 x 17 independent regions, of which 256 can be sent."""
    header = size(17 * 128, 17 * 128) | regions(17, independent=True, num_hor_splits_minus1=16)
    return stream(header, edition="dis", **in_regions(256))


def regions(count: int, rows: bool = True, independent: bool = False, **values: Any) -> dict[str, Any]:
    """Header values of a row or column of regions."""
    splits = (count - 1, 0) if rows else (0, count - 1)
    return {
        "region_partitioning_flag": 1, "num_ver_splits_minus1": splits[0], "num_hor_splits_minus1": splits[1],
        "region_residual_in_its_own_substream_flag": int(independent), **values,
    }


def in_regions(count: int) -> dict[str, Any]:
    """Payloads of empty regions."""
    return {name: dict.fromkeys(range(count), EMPTY) for name in ("sorp", "sors")}


def tiles(side: int, overlap: int, components: Sequence[int] = (0, 1)) -> dict[str, Any]:
    """Header values of synthesis tiles, the same for all the components that have them."""
    return {
        "synthesis_tile_enable": [int(c in components) for c in range(2)],
        "synthesis_tile_size": dict.fromkeys(components, side),
        "synthesis_tile_overlap": dict.fromkeys(components, overlap),
    }


def matrix(*rows: Sequence[int]) -> dict[str, Any]:
    """Header values of a user matrix."""
    return {"colour_transform_idx": 2, "colour_transform_matrix": rows, "colour_transform_offset": [0, 0, 0]}


def cubes(groups: Sequence[int], flags: Sequence[int]) -> dict[str, Any]:
    """Header values of cube flags of the secondary component."""
    return {"use_cube_flags": [0, 1], "cube_group_flag": {1: groups}, "cube_flag": {1: flags}}


def efe(*, best: Sequence[Sequence[int]] = ((0, 0), (1, 1)), length: int = 1, **values: Any) -> dict[str, Any]:
    """Values of the EFE linear filter with one split a plane, and weights that take no bits."""
    weights = {
        name: {
            s: {k: {0: inner} for k in range(2) if best[s][k]}
            for s in range(2) if any(best[s])
        }
        for name, inner in (("weightsC", {0: [[0] * length] * length}), ("weightsY", [[0] * length] * length))
    }
    return {
        "EFE_linear_filter_enabled_flag": 1, "B1": [0, 0], "best_cand_idx": best, "minSymbol": [0, 0],
        "maxSymbol": [0, 0], "fL": {s: {k: length for k in range(2) if best[s][k]} for s in range(2) if any(best[s])},
        **weights, **values,
    }


def icci(tiles: int = 1, **values: Any) -> dict[str, Any]:
    """Values of eICCI that filters nothing."""
    return {"icci_enable_flag": 1, "icci_use": [[0, 0, 0]] * tiles, **values}


def icci_tiles(size: int, overlap: int, tiles: int = 1) -> dict[str, Any]:
    return icci(tiles, icci_tile_enable_flag=1, icci_tile_size=size, icci_tile_overlap=overlap)


def selected(short: int, luma: int | None, chroma: int | None = None) -> dict[str, Any]:
    """Selection of eICCI models in one tile; None for a plane that is not filtered."""
    indices = {"Y": luma, "UV": chroma}
    chosen = {f"icci_model_signalled_idx_{name}": [value] for name, value in indices.items() if value is not None}
    return {
        "icci_use": [[int(luma is not None), int(chroma is not None), 0]], "icci_use_shortList": [short], **chosen
    }


def masked(u: int | None = 1, v: int | None = None, **values: Any) -> dict[str, Any]:
    """Values of an EFE non-linear filter with masks of one block; None for no mask."""
    weights = {f"W5_{plane}": [[value]] for plane, value in (("U", u), ("V", v)) if value is not None}
    flags = {"mask1_enabled_flag": int(u is not None), "mask2_enabled_flag": int(v is not None)}
    return {"EFE_nonlinear_filter_enabled_flag": 1, **flags, "bS": 64, **weights, **values}


def nonlinear(plane: str = "U", weights: int = 8, tiles: int = 1, **values: Any) -> dict[str, Any]:
    """Values of an EFE non-linear filter of one plane, its weights without bits."""
    return {
        "EFE_nonlinear_filter_enabled_flag": 1, f"nonLinear_enabled_{plane}_flag": 1, "nonlinearW": 64,
        "nonlinearH": 64, "minLuma": [0] * tiles, "maxLuma": [100] * tiles, "A1": {"UV".index(plane): [0] * weights},
        **values,
    }


#: Overlaps that fit regions of 128 samples.
OVERLAPS = {"hyper_decoder_overlap_in_latent_samples": 1, "mcm_overlap_in_latent_samples": 4}


def mastering(least: int, most: int) -> dict[str, Any]:
    """Values of a mastering display."""
    primaries = {f"mastering_display_colour_primaries_{axis}": [5] * 3 for axis in "xy"}
    return {
        "mdcv_info_present_flag": 1, **primaries, "mastering_display_maximum_luminance": most,
        "mastering_display_minimum_luminance": least,
    }


def light(content: int, frame: int) -> dict[str, int]:
    """Values of a content light level."""
    return {
        "clli_info_present_flag": 1, "maximum_content_light_level": content, "maximum_frame_average_light_level": frame
    }


def dynamic(data: bytes) -> dict[str, Any]:
    """Values of dynamic metadata."""
    return {"dm_present_flag": 1, "dm_data_byte": data}


def bits(data: bytes, selector: str, value: int) -> bytes:
    """Overwrite one element."""
    field = Codestream.parse(data, edition="is").fields[selector]
    shift = 8 * len(data) - field.offset - field.bits
    whole = int.from_bytes(data) & ~(((1 << field.bits) - 1) << shift) | value << shift
    return whole.to_bytes(len(data))


def parts(data: bytes) -> list[tuple[str, bytes]]:
    """The segments of a stream: names and payloads."""
    return [(segment.name, bytes(segment.payload)) for segment in Codestream.parse(data, edition="is").segments]


def join(segments: Sequence[tuple[str, bytes]]) -> bytes:
    """A stream of segments."""
    return join_segments([(kind_named(name), payload) for name, payload in segments])


def payload(name: str, change: Callable[[bytes], bytes], data: bytes | None = None) -> bytes:
    """Change the payload of the segments of a kind."""
    segments = parts(BASE if data is None else data)
    return join([(each, change(found) if each == name else found) for each, found in segments])


def without(name: str) -> bytes:
    """The base stream without the segments of a kind."""
    return join([part for part in parts(BASE) if part[0] != name])


def twice(name: str) -> bytes:
    """The base stream with a segment repeated."""
    return join([part for part in parts(BASE) for _ in range(2 if part[0] == name else 1)])


def ordered(*names: str) -> bytes:
    """The base stream in another order."""
    payloads = dict(parts(BASE))
    return join([(name, payloads[name]) for name in names])


def insert(inserted: bytes) -> bytes:
    """The base stream with bytes in front of its tools header, where a marker is expected."""
    return BASE[:22] + inserted + BASE[22:]


def raw_segment(marker: int, length: bytes, data: bytes = b"") -> bytes:
    """A segment with any marker and length field."""
    return marker.to_bytes(2) + length + data


def independent(sorp: Sequence[int], sors: Sequence[int]) -> bytes:
    """512 rows in two independent regions, of which those with the given indices are there."""
    header = size(64, 512) | regions(2, independent=True)
    segments = [part for part in parts(stream(header, **in_regions(2))) if part[0] not in ("sorp", "sors")]
    found = [("sorp", index) for index in sorp] + [("sors", index) for index in sors]
    return join([*segments[:3], *((name, bytes([index]) + EMPTY[0]) for name, index in found), *segments[3:]])


def dependent(change: Callable[[bytes], bytes]) -> bytes:
    """512 rows in two dependent regions; the primary payload, size of region 0 and both regions, is changed."""
    header = size(64, 512) | regions(2)
    return payload("sorp", change, stream(header, **in_regions(2)))


#: The clean stream from which the cases differ.
BASE = stream()
