"""For each rule of syntax (12.6, needs P or H) streams that break it, and what else they break by implication.

`CASES` is the table; `NOT_VIOLATED` lists the rules that no bit pattern breaks. Nothing here needs pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.codestream.rules.making import (
    BASE,
    EMPTY,
    OVERLAPS,
    bits,
    cubes,
    cut,
    dependent,
    dynamic,
    efe,
    icci,
    icci_tiles,
    independent,
    insert,
    join,
    light,
    many_regions,
    masked,
    mastering,
    matrix,
    nonlinear,
    ordered,
    parts,
    payload,
    raw_segment,
    regions,
    selected,
    size,
    stream,
    tiles,
    twice,
    without,
)

__all__ = ["BASE", "CASES", "NOT_VIOLATED", "Case"]

#: Rules that no bit pattern violates, and why.
NOT_VIOLATED = {
    "R-17": "diff_display has 6 bits, so it is at most 63, and a picture has at least 64 rows and columns",
}


@dataclass(frozen=True)
class Case:
    """A stream and what is wrong with it.

    Attributes:
        rule: the rule that it is about.
        make: makes its bytes.
        findings: ``rule selector offset+length`` of every finding (bits of the file), in file order; ``-`` for no
            selector. The first words of the others are the rules that a breach of `rule` implies here.
        about: what is special, where a rule has several cases.
        edition: edition to read it in; None to have it detected.
    """

    rule: str
    make: Callable[[], bytes]
    findings: tuple[str, ...]
    about: str = ""
    edition: str | None = "is"

    @property
    def name(self) -> str:
        """Name for reports."""
        return f"{self.rule} {self.about}".strip()

    @property
    def rules(self) -> tuple[str, ...]:
        """Rules of all findings, in file order."""
        return tuple(text.split()[0] for text in self.findings)

# fmt: off: one case, one entry
CASES = (
    # framing (01.1 to 01.4)
    Case("S-01", lambda: b"\xff\xd8" + BASE[2:], ("S-01 gap[0] 0+16",)),
    Case("S-01", lambda: b"\x89PNG\r\n\x1a\n", ("S-01 gap[0] 0+16",), about="no stream at all"),
    Case("S-01", lambda: b"", ("S-01 soc.marker 0+0",), about="empty"),
    Case("S-02", lambda: BASE[:-2], ("S-02 eoc.marker 416+0",)),
    Case("S-02", lambda: BASE[:-1], ("S-02 gap[0] 416+8",), about="half a marker"),
    Case("S-03", lambda: b"junk" + BASE, ("S-03 gap[0] 0+32",)),
    Case("S-04", lambda: BASE + b"appended", ("S-04 trailing.bytes 432+64",)),
    Case(
        "S-05", lambda: insert(raw_segment(0xFF85, b"\x40", b"\x00")),
        ("S-05 gap[0] 176+16",), about="a segment that can be jumped over",
    ),
    Case("S-06", lambda: insert(b"\xff\x80"), ("S-06 gap[0] 176+16",)),
    Case(
        "S-07", lambda: insert(raw_segment(0xFF8C, bytes(4) + b"\x40" + bytes(8))),
        ("S-07 gap[0] 192+104",), about="33 zero bits",
    ),
    Case("S-07", lambda: BASE[:48], ("S-07 soz.length 384+0",), about="cut"),
    Case("S-08", lambda: BASE[:24] + b"\x41" + BASE[25:], ("S-08 ton.length_padding 195+5",)),
    Case(
        "S-08", lambda: independent([0, 1], [0, 1]).replace(b"\xff\x8a\x28", b"\xff\x8a\x29", 1),
        ("S-08 sors[0].length_padding 421+3",), about="of a repeated segment",
    ),
    Case("S-09", lambda: BASE[:-3], ("S-09 soz 392+16", "S-43 soz.threads[0] 392+16", "S-02 eoc.marker 408+0")),
    Case(
        "S-10", lambda: ordered("ton", "pih", "rdi", "sorp", "sors", "soz"),
        ("S-10 ton.marker 16+16", "S-13 pih 48+160"),
    ),
    Case("S-10", lambda: b"\xff\x80\xff\x81", ("S-10 eoc.marker 16+16",), about="no segment"),
    Case("S-11", lambda: twice("pih"), ("S-11 pih[1] 176+160",), about="two picture headers"),
    Case("S-11", lambda: without("soz"), ("S-11 soz 368+0",), about="no hyper latents"),
    Case("S-11", lambda: twice("soz"), ("S-11 soz[1] 416+48",), about="hyper latents twice"),
    Case("S-12", lambda: twice("ton"), ("S-12 ton[1] 208+32",), about="tools header"),
    Case("S-12", lambda: twice("rdi"), ("S-12 rdi[1] 272+64",), about="rendering information"),
    Case(
        "S-12", lambda: join([*parts(BASE)[:2], ("udi", b"a"), ("udi", b"b"), *parts(BASE)[2:]]),
        ("S-12 udi[1] 240+32",), about="user data",
    ),
    Case("S-12", lambda: twice("sorp"), ("S-12 sorp[1] 320+48", "S-30 sorp[1] 320+48"), about="primary residual"),
    Case("S-13", lambda: ordered("pih", "soz", "ton", "rdi", "sorp", "sors"), ("S-13 ton 224+32",)),
    Case("S-14", lambda: without("ton"), ("S-14 ton 384+0",)),
    Case("S-15", lambda: without("rdi"), ("S-15 rdi 352+0",)),
    # headers as wholes (01.5.5, 02.7, 03.5, 03.6)
    Case("S-16", lambda: payload("pih", lambda found: found[:-1]), ("S-16 pih.num_chs[1] 162+6",)),
    Case(
        "S-17", lambda: payload("ton", lambda found: found[:-1], stream(ton=efe())),
        ("S-17 ton.maxSymbol[1] 313+15",),
    ),
    Case(
        "S-18", lambda: payload("rdi", lambda found: found[:2]),
        ("S-24 rdi.length 224+3", "S-18 rdi.transfer_characteristics 248+0"),
    ),
    Case(
        "S-18", lambda: payload("rdi", lambda found: b""),
        ("S-24 rdi.length 224+1", "S-18 rdi.cicp_info_present_flag 232+0"), about="empty",
    ),
    Case(
        "S-19", lambda: stream({"synthesis_transform_id": [1]}),
        ("S-19 pih 48+128",), about="two editions fit", edition=None,
    ),
    Case(
        "S-19", lambda: stream({"model_id": 7}),
        ("S-19 pih 48+4", "R-09 pih.model_id 129+4", "R-10 pih.model_id 129+4"), about="none fits", edition=None,
    ),
    Case(
        "S-20", lambda: payload("pih", lambda found: found + b"\x00"),
        ("S-20 pih.padding 175+9",), about="picture header",
    ),
    Case(
        "S-20", lambda: payload("ton", lambda found: found + b"\x00"),
        ("S-20 ton.padding 206+10",), about="tools header",
    ),
    Case(
        "S-20", lambda: payload("rdi", lambda found: found + b"\x00"),
        ("S-24 rdi.length 224+5", "S-20 rdi.padding 272+8"), about="rendering information",
    ),
    Case(
        "S-21", lambda: payload("pih", lambda found: found[:-1] + bytes([found[-1] | 1])),
        ("S-21 pih.padding 175+1",), about="picture header",
    ),
    Case("S-21", lambda: payload("ton", lambda found: b"\x02"), ("S-21 ton.padding 206+2",), about="tools header"),
    Case(
        "S-21", lambda: payload("ton", lambda found: b"\x00\x80"),
        ("S-20 ton.padding 206+10", "S-21 ton.padding 206+10"), about="in bytes too many",
    ),
    Case("S-22", lambda: stream(rdi={"ri_reserved_zero_4bits": [5, 0]}), ("S-22 rdi.ri_reserved_zero_4bits[0] 236+4",)),
    Case(
        "S-22", lambda: stream(rdi={"ri_reserved_zero_4bits": [0, 1]}),
        ("S-22 rdi.ri_reserved_zero_4bits[1] 268+4",), about="behind the colour description",
    ),
    Case(
        "S-23", lambda: stream({"colour_transform_idx": 3}),
        ("R-15 pih.colour_transform_idx 127+2", "S-23 pih.colour_transform_idx 127+2"),
    ),
    Case(
        "S-24", lambda: payload("rdi", lambda found: found + bytes(4)),
        ("S-24 rdi.length 224+7", "S-20 rdi.padding 272+32"),
    ),
    Case(
        "S-25", lambda: payload("rdi", lambda found: found[:-1], stream(rdi=dynamic(b"abc"))),
        ("S-24 rdi.length 224+7", "S-18 rdi.dm_data_byte 296+16", "S-25 rdi.dm_data_byte 296+16"),
    ),
    Case("S-26", lambda: stream(udi=b""), ("S-26 udi.length 224+1",)),
    Case("S-27", lambda: stream({"gain_3D_enable_flag": 1}), ("R-35 pih.gain_3D_enable_flag 174+1", "S-27 soq 424+0")),
    Case("S-28", lambda: join([*parts(BASE), ("soq", EMPTY[0])]), ("S-28 soq 416+48",)),
    # payloads (01.6, 01.7)
    Case("S-29", lambda: payload("soz", lambda found: b""), ("S-29 soz.length 384+1", "S-43 soz.threads[0] 392+0")),
    Case("S-30", lambda: without("sors"), ("S-30 sors 368+0",), about="none"),
    Case("S-31", lambda: independent([0, 1, 1], [0, 1]), ("S-31 sorp[2].region_idx 424+8",)),
    Case(
        "S-32", lambda: payload("sors", lambda found: b"", independent([0, 1], [0])),
        ("S-32 sors.region_idx 424+0", "S-34 sors 472+0", "S-35 sors 472+0"), about="no index",
    ),
    Case(
        "S-32", lambda: payload("sorp", lambda found: found[:1], independent([0], [0])),
        ("S-32 sorp.region_idx 312+8", "S-34 sorp 424+0", "S-34 sors 424+0"), about="no data",
    ),
    Case("S-33", lambda: independent([0, 1, 2], [0, 1]), ("S-33 sorp[2].region_idx 424+8",)),
    Case("S-34", lambda: independent([1], [1]), ("S-34 sorp 448+0", "S-34 sors 448+0")),
    Case("S-35", lambda: independent([0, 1], [0]), ("S-34 sors 504+0", "S-35 sors 504+0")),
    Case(
        "S-36", lambda: many_regions(),
        ("S-36 pih.num_ver_splits_minus1 143+7", "S-34 sorp 29008+0", "S-34 sors 29008+0"), edition="dis",
    ),
    Case("S-37", lambda: dependent(lambda found: b""), ("S-37 sorp.region_size[0] 320+0",)),
    Case(
        "S-37", lambda: dependent(lambda found: bytes(9)),
        ("S-37 sorp.region_size[0] 320+72",), about="a code too long",
    ),
    Case("S-38", lambda: dependent(lambda found: b"\x21" + found[1:]), ("S-38 sorp.padding 325+3",)),
    Case("S-39", lambda: dependent(lambda found: b"\x38" + found[1:]), ("S-39 sorp.region_size[0] 320+5",)),
    Case("S-40", lambda: dependent(lambda found: b"\x80" + found[1:]), ("S-40 sorp.region_size[0] 320+1",)),
    Case(
        "S-41", lambda: payload("soz", lambda found: b"", stream(soz=[b"\x00\x01"] * 2)),
        ("S-29 soz.length 392+1", "S-41 soz.thread_size_delta[0] 400+0"),
    ),
    Case(
        "S-42", lambda: payload("soz", lambda found: b"\x81" + found[1:], stream(soz=[bytes(15) + b"\x01"] * 2)),
        ("S-42 soz.padding 409+7",),
    ),
    Case(
        "S-43", lambda: payload("sorp", lambda found: b"\x00\x01"),
        ("S-43 sorp.threads[0] 296+16",), about="of one thread",
    ),
    Case(
        "S-43", lambda: payload("soz", lambda found: found[:-1], stream(soz=[b"\x00\x01"] * 2)),
        ("S-43 soz.threads[0] 408+24",), about="of several",
    ),
    Case(
        "S-43", lambda: payload("soz", lambda found: b"\x28" + found[1:], stream(soz=[b"\x00\x01"] * 2)),
        ("S-43 soz.threads[1] 440+0",), about="behind the payload",
    ),
    Case("S-44", lambda: stream(sorp=[b"\x01\x01\x00"]), ("S-44 sorp.threads[0] 312+8",)),
    Case(
        "S-44", lambda: stream(soz=[bytes(15) + b"\x01", b"\x01" + bytes(15)]),
        ("S-44 soz.threads[1] 664+8",), about="of the second thread",
    ),
    # picture header (02)
    Case("R-01", lambda: stream({"stream_profile_idc": 3}), ("R-01 pih.stream_profile_idc 48+4",)),
    Case("R-02", lambda: stream({"decoder_profile_id": 3}), ("R-02 pih.decoder_profile_id 52+4",)),
    Case(
        "R-03", lambda: stream({"synthesis_transform_id": [1, 5]}),
        ("R-03 pih.synthesis_transform_id[1] 64+4", "R-06 pih.synthesis_transform_id[1] 64+4"),
    ),
    Case(
        "R-04", lambda: stream({"synthesis_transform_id": [1, 1]}),
        ("R-04 pih.num_synthesis_transforms_minus1 56+4",), about="a transform twice",
    ),
    Case(
        "R-04", lambda: stream({"decoder_profile_id": 2, "synthesis_transform_id": [2, 1, 0, 0]}),
        ("R-04 pih.num_synthesis_transforms_minus1 56+4", "R-04 pih.num_synthesis_transforms_minus1 56+4"),
        about="four transforms",
    ),
    Case(
        "R-05", lambda: stream({"decoder_profile_id": 0}),
        ("R-05 pih.synthesis_transform_id[0] 60+4", "R-06 pih.synthesis_transform_id[0] 60+4"),
    ),
    Case("R-06", lambda: stream({"synthesis_transform_id": [1, 2]}), ("R-06 pih.synthesis_transform_id[1] 64+4",)),
    Case("R-07", lambda: stream({"level_idc": 13}), ("R-07 pih.level_idc 68+8",), about="model class"),
    Case(
        "R-07", lambda: stream({"level_idc": 60}),
        ("R-07 pih.level_idc 68+8", "R-09 pih.model_id 129+4"), about="size class",
    ),
    Case("R-08", lambda: stream({**size(2500, 2500), "level_idc": 12}), ("R-08 pih.level_idc 68+8",)),
    Case("R-09", lambda: stream({"level_idc": 51}), ("R-09 pih.model_id 129+4",)),
    Case(
        "R-09", lambda: stream({"level_idc": 50, "model_id": 2}, edition="dis"),
        ("R-09 pih.model_id 125+4",), about="of the Draft", edition="dis",
    ),
    Case("R-10", lambda: stream({"model_id": 4}), ("R-09 pih.model_id 129+4", "R-10 pih.model_id 129+4")),
    Case(
        "R-11", lambda: stream({"bit_depth_idc": 5}),
        ("R-11 pih.bit_depth_idc 120+3", "R-12 pih.bit_depth_idc 120+3", "S-23 pih.bit_depth_idc 120+3"),
    ),
    Case("R-12", lambda: stream({"bit_depth_idc": 2}), ("R-12 pih.bit_depth_idc 120+3",)),
    Case(
        "R-13", lambda: stream({"s_ver_minus1": 1, "c_ver_minus1": 1, "c_hor_minus1": 1}),
        ("R-13 pih.s_ver_minus1 123+1",),
    ),
    Case("R-14", lambda: stream({"c_ver_minus1": 1}), ("R-14 pih.c_ver_minus1 125+1",)),
    Case(
        "R-15", lambda: stream({"colour_transform_idx": 3}),
        ("R-15 pih.colour_transform_idx 127+2", "S-23 pih.colour_transform_idx 127+2"),
    ),
    Case(
        "R-16", lambda: stream(matrix([1, 2, 3], [4, 5, 6], [7, 8, 9])),
        ("R-16 pih.colour_transform_matrix[0][0] 129+8",),
    ),
    Case(
        "R-18", lambda: stream({"beta_displacement_log_plus_2048": [2751]}),
        ("R-18 pih.beta_displacement_log_plus_2048[0] 134+12",), about="primary",
    ),
    Case(
        "R-18", lambda: stream({"independent_beta_uv": 1, "beta_displacement_log_plus_2048": [2048, 978]}),
        ("R-18 pih.beta_displacement_log_plus_2048[1] 148+12",), about="secondary",
    ),
    Case(
        "R-19", lambda: stream({"independent_beta_uv": 1, "beta_displacement_log_plus_2048": [2000, 2000]}),
        ("R-19 pih.independent_beta_uv 147+1",),
    ),
    Case("R-20", lambda: cut(64, 200, **OVERLAPS), ("R-20 pih.num_ver_splits_minus1 147+7",)),
    Case("R-21", lambda: cut(300, 64, rows=False, **OVERLAPS), ("R-21 pih.num_hor_splits_minus1 154+7",)),
    Case(
        "R-22", lambda: cut(64, 64, edition="dis"),
        ("R-22 pih.num_ver_splits_minus1 143+7",), about="rows", edition="dis",
    ),
    Case(
        "R-22", lambda: cut(64, 64, rows=False, edition="dis"),
        ("R-22 pih.num_hor_splits_minus1 150+7",), about="columns", edition="dis",
    ),
    Case("R-23", lambda: stream(regions(1)), ("R-23 pih.region_partitioning_flag 146+1",)),
    Case(
        "R-24", lambda: cut(64, 300, mcm_overlap_in_latent_samples=8),
        ("R-24 pih.mcm_overlap_in_latent_samples 164+4",), about="latents, rows",
    ),
    Case(
        "R-24", lambda: cut(600, 64, rows=False, mcm_overlap_in_latent_samples=9),
        ("R-24 pih.mcm_overlap_in_latent_samples 164+4",), about="latents, columns",
    ),
    Case(
        "R-24", lambda: cut(64, 300, hyper_decoder_overlap_in_latent_samples=2),
        ("R-24 pih.hyper_decoder_overlap_in_latent_samples 162+2",), about="hyper latents, rows",
    ),
    Case(
        "R-24", lambda: cut(600, 64, rows=False, hyper_decoder_overlap_in_latent_samples=3),
        ("R-24 pih.hyper_decoder_overlap_in_latent_samples 162+2",), about="hyper latents, columns",
    ),
    Case("R-25", lambda: stream({"num_chs": [161, 96]}), ("R-25 pih.num_chs[0] 149+8",), about="primary"),
    Case("R-25", lambda: stream({"num_chs": [160, 97]}), ("R-25 pih.num_chs[1] 162+8",), about="secondary"),
    Case("R-26", lambda: stream({"num_chs": [100, 96]}), ("R-26 pih.num_chs[0] 149+8",)),
    Case("R-27", lambda: stream(cubes([0], [])), ("R-27 pih.use_cube_flags[1] 170+1",)),
    Case(
        "R-28", lambda: stream(size(768, 256) | cubes([1, 1], [1] * 11 + [0])),
        ("R-28 pih.cube_group_flag[1][0] 171+1",),
    ),
    Case(
        "R-29", lambda: stream({"num_chs": [16, 96], "grfs_enable_flag": [1, 0], "grfs_channel_flag": {0: [1] * 16}}),
        ("R-29 pih.grfs_enable_flag[0] 159+1",),
    ),
    Case(
        "R-29", lambda: stream({"num_chs": [0, 96], "grfs_enable_flag": [1, 0]}),
        ("R-29 pih.grfs_enable_flag[0] 159+1",), about="no channel",
    ),
    Case(
        "R-30", lambda: stream(tiles(0, 0)),
        (
            "R-30 pih.synthesis_tile_size[0] 161+8", "R-31 pih.synthesis_tile_overlap[0] 169+5",
            "R-30 pih.synthesis_tile_size[1] 187+8", "R-31 pih.synthesis_tile_overlap[1] 195+5",
        ),
    ),
    Case(
        "R-31", lambda: stream({**size(128, 128), **tiles(4, 4)}),
        ("R-31 pih.synthesis_tile_overlap[0] 169+5", "R-31 pih.synthesis_tile_overlap[1] 195+5"),
    ),
    Case(
        "R-32", lambda: stream(tiles(8, 4)),
        ("R-32 pih.synthesis_tile_overlap[0] 169+5", "R-32 pih.synthesis_tile_overlap[1] 195+5"),
    ),
    Case("R-33", lambda: stream(size(128, 128) | tiles(4, 1, [0])), ("R-33 pih.synthesis_tile_enable[1] 186+1",)),
    Case(
        "R-34", lambda: cut(64, 512, independent=True, **tiles(12, 0)),
        ("R-34 pih.synthesis_tile_size[0] 176+8", "R-34 pih.synthesis_tile_size[1] 202+8"), about="rows",
    ),
    Case(
        "R-34", lambda: cut(1024, 64, rows=False, independent=True, **tiles(12, 0)),
        ("R-34 pih.synthesis_tile_size[0] 176+8", "R-34 pih.synthesis_tile_size[1] 202+8"), about="columns",
    ),
    Case("R-35", lambda: stream({"gain_3D_enable_flag": 1}, soq=EMPTY), ("R-35 pih.gain_3D_enable_flag 174+1",)),
    Case(
        "R-36", lambda: stream(size(4096, 4097)),
        ("R-36 pih.synthesis_tile_enable[0] 160+1", "R-36 pih.synthesis_tile_enable[1] 173+1"),
    ),
    Case("R-37", lambda: stream(soz=[b"\x00\x01"] * 2), ("R-37 soz 400+40",)),
    Case(
        "R-38", lambda: stream({**size(128, 128), **tiles(6, 1)}),
        ("R-38 pih.synthesis_tile_size[0] 161+8", "R-38 pih.synthesis_tile_size[1] 187+8"),
    ),
    Case(
        "R-39", lambda: cut(96, 512, independent=True, **tiles(8, 4)),
        ("R-39 pih.synthesis_tile_overlap[0] 184+5", "R-39 pih.synthesis_tile_overlap[1] 210+5"), about="rows",
    ),
    Case(
        "R-39", lambda: cut(1024, 96, rows=False, independent=True, **tiles(8, 4)),
        ("R-39 pih.synthesis_tile_overlap[0] 184+5", "R-39 pih.synthesis_tile_overlap[1] 210+5"), about="columns",
    ),
    # tools header (03.1 to 03.4)
    Case(
        "R-50", lambda: bits(stream(ton=efe()), "ton.best_cand_idx[0][0]", 9),
        ("R-50 ton.best_cand_idx[0][0] 241+4",),
    ),
    Case("R-51", lambda: stream(ton=efe(length=5)), ("R-51 ton.fL[1][0] 289+4", "R-51 ton.fL[1][1] 293+4")),
    Case(
        "R-51", lambda: stream(ton=efe(length=10)),
        ("R-51 ton.fL[1][0] 289+4", "S-23 ton.fL[1][0] 289+4", "R-51 ton.fL[1][1] 293+4", "S-23 ton.fL[1][1] 293+4"),
        about="no code",
    ),
    Case(
        "R-52", lambda: stream(ton=efe(minSymbol=[0, 65535], maxSymbol=[0, 1])),
        ("R-52 ton.maxSymbol[1] 313+16",), about="linear",
    ),
    Case(
        "R-52", lambda: stream(ton=nonlinear(nl_minSymbol=65535, nl_maxSymbol=1)),
        ("R-52 ton.nl_maxSymbol 229+16",), about="non-linear",
    ),
    Case(
        "R-53", lambda: stream(ton=efe(maxSymbol=[0, 2], weightsC={1: [[[[[3]]]], [[[[0]]]]]})),
        ("R-53 ton.weightsC[1][0][0][0][0][0] 329+2", "S-23 ton.weightsC[1][0][0][0][0][0] 329+2"), about="weightsC",
    ),
    Case(
        "R-53", lambda: stream(ton=efe(maxSymbol=[0, 2], weightsY={1: [[[[0]]], [[[3]]]]})),
        ("R-53 ton.weightsY[1][1][0][0][0] 335+2", "S-23 ton.weightsY[1][1][0][0][0] 335+2"), about="weightsY",
    ),
    Case(
        "R-53", lambda: stream(ton=nonlinear(nl_maxSymbol=2, A1={0: [0, 1, 2, 3, 0, 1, 2, 3]})),
        ("R-53 ton.A1[0][3] 351+2", "S-23 ton.A1[0][3] 351+2"), about="A1",
    ),
    Case(
        "R-53", lambda: stream(ton=nonlinear("V", nl_maxSymbol=2, A1={1: [3, 0, 0, 0, 0, 0, 0, 0]})),
        ("R-53 ton.A1[1][0] 345+2", "S-23 ton.A1[1][0] 345+2"), about="A1 of V",
    ),
    Case("R-54", lambda: stream(ton=efe(best=((0, 0), (0, 1)))), ("R-54 ton.best_cand_idx[1][0] 281+4",)),
    Case("R-55", lambda: stream(ton=efe(B1=[25500, 25501])), ("R-55 ton.B1[1] 226+15",)),
    Case("R-56", lambda: stream({"s_hor_minus1": 1, "c_hor_minus1": 1}, icci()), ("R-56 ton.icci_enable_flag 203+1",)),
    Case(
        "R-57", lambda: bits(stream(size(256, 256), icci_tiles(16, 1)), "ton.icci_tile_size", 0),
        ("R-57 ton.icci_tile_size 205+8",), about="size",
    ),
    Case(
        "R-57", lambda: bits(stream(size(256, 256), icci_tiles(11, 1, 4)), "ton.icci_tile_overlap", 11),
        ("R-57 ton.icci_tile_overlap 213+5",), about="overlap",
    ),
    Case(
        "R-58", lambda: stream(size(176, 176), icci_tiles(10, 1, 4)),
        ("R-60 ton.icci_tile_enable_flag 204+1", "R-58 ton.icci_tile_size 205+8"), about="tile",
    ),
    Case("R-58", lambda: stream(ton=icci_tiles(11, 1)), ("R-58 ton.icci_tile_enable_flag 204+1",), about="picture"),
    Case(
        "R-59", lambda: stream(ton=icci(**selected(1, 2))),
        ("R-59 ton.icci_model_signalled_idx_Y[0] 209+2",), about="short list, Y",
    ),
    Case(
        "R-59", lambda: stream(ton=icci(**selected(1, None, 2))),
        ("R-59 ton.icci_model_signalled_idx_UV[0] 209+2",), about="short list, UV",
    ),
    Case(
        "R-59", lambda: stream(ton=icci(**selected(0, 10))),
        ("R-59 ton.icci_model_signalled_idx_Y[0] 209+4",), about="long list",
    ),
    Case(
        "R-59", lambda: stream(ton=icci(**selected(0, None, 11))),
        ("R-59 ton.icci_model_signalled_idx_UV[0] 209+4", "S-23 ton.icci_model_signalled_idx_UV[0] 209+4"),
        about="no code, UV",
    ),
    Case(
        "R-59", lambda: stream(ton=icci(**selected(1, 3))),
        ("R-59 ton.icci_model_signalled_idx_Y[0] 209+2", "S-23 ton.icci_model_signalled_idx_Y[0] 209+2"),
        about="no code, Y",
    ),
    Case("R-60", lambda: stream(size(400, 200), icci_tiles(16, 1, 2)), ("R-60 ton.icci_tile_enable_flag 204+1",)),
    Case(
        "R-61", lambda: stream(ton=efe(best=((1, 0), (1, 1))) | masked(3)),
        ("R-61 ton.W5_U[0][0] 399+2", "S-23 ton.W5_U[0][0] 399+2"), about="U",
    ),
    Case(
        "R-61", lambda: stream(ton=efe(best=((1, 0), (1, 1))) | masked(0, 3)),
        ("R-61 ton.W5_V[0][0] 401+2", "S-23 ton.W5_V[0][0] 401+2"), about="V",
    ),
    Case("R-62", lambda: stream(ton=efe(best=((1, 0), (1, 1))) | masked(bS=0)), ("R-62 ton.bS 369+10",), about="block"),
    Case(
        "R-62", lambda: stream(size(64, 65), efe(best=((1, 0), (1, 1))) | masked()),
        ("R-62 ton.len_mask_y 379+10",), about="rows",
    ),
    Case(
        "R-62", lambda: stream(size(129, 64), efe(best=((1, 0), (1, 1))) | masked(W5_U=[[1, 1]])),
        ("R-62 ton.len_mask_x 389+10",), about="columns",
    ),
    Case("R-63", lambda: stream(ton=efe() | masked()), ("R-63 ton.mask1_enabled_flag 363+1",), about="U"),
    Case(
        "R-63", lambda: stream(ton=masked(0, 0)),
        ("R-63 ton.mask1_enabled_flag 237+1", "R-63 ton.mask2_enabled_flag 238+1"), about="U and V, without EFE linear",
    ),
    Case(
        "R-64", lambda: stream(ton=efe(best=((0, 1), (1, 1))) | masked(None, 1)),
        ("R-64 ton.mask2_enabled_flag 368+1",),
    ),
    Case("R-65", lambda: stream(ton=nonlinear(nonlinearW=0)), ("R-65 ton.nonlinearW 249+16",), about="width"),
    Case("R-65", lambda: stream(ton=nonlinear("V", nonlinearH=0)), ("R-65 ton.nonlinearH 265+16",), about="height"),
    Case("R-66", lambda: stream(ton=nonlinear(tiles=2, weights=16)), ("R-66 ton.numTiles 281+16",)),
    Case("R-67", lambda: stream(ton=nonlinear(weights=7)), ("R-67 ton.candNum[0] 329+16",), about="U"),
    Case("R-67", lambda: stream(ton=nonlinear("V", weights=9)), ("R-67 ton.candNum[1] 329+16",), about="V"),
    Case("R-68", lambda: stream(ton=nonlinear(minLuma=[101])), ("R-68 ton.minLuma[0] 297+16",)),
    Case(
        "R-69", lambda: stream(ton={"LEF_enabled_flag": 1, "LEF_chIdx": 160}),
        ("R-69 ton.LEF_chIdx 206+8",), about="no channel",
    ),
    Case(
        "R-69", lambda: stream({"num_chs": [144, 96]}, {"LEF_enabled_flag": 1, "LEF_chIdx": 144}),
        ("R-69 ton.LEF_chIdx 206+8",), about="not coded",
    ),
    Case(
        "R-70", lambda: stream(ton={"EFE_nonlinear_filter_enabled_flag": 1}),
        ("R-70 ton.EFE_nonlinear_filter_enabled_flag 204+1",),
    ),
    Case("R-71", lambda: stream(size(256, 256), icci_tiles(16, 0)), ("R-71 ton.icci_tile_overlap 213+5",)),
    # rendering information (03.5)
    Case("R-80", lambda: stream(rdi={"colour_primaries": 3}), ("R-80 rdi.colour_primaries 240+8",), about="primaries"),
    Case(
        "R-80", lambda: stream(rdi={"transfer_characteristics": 19}),
        ("R-80 rdi.transfer_characteristics 248+8",), about="transfer",
    ),
    Case(
        "R-80", lambda: stream(rdi={"matrix_coefficients": 255}),
        ("R-80 rdi.matrix_coefficients 256+8",), about="matrix",
    ),
    Case("R-81", lambda: stream(rdi={"chroma420_sample_loc_type": 6}), ("R-81 rdi.chroma420_sample_loc_type 265+3",)),
    Case(
        "R-82", lambda: stream({"colour_transform_idx": 0}, rdi={"matrix_coefficients": 0}),
        ("R-82 rdi.matrix_coefficients 256+8",),
    ),
    Case("R-83", lambda: stream(rdi=mastering(5, 5)), ("R-83 rdi.mastering_display_minimum_luminance 440+32",)),
    Case("R-84", lambda: stream(rdi=light(100, 101)), ("R-84 rdi.maximum_frame_average_light_level 288+16",)),
    Case("R-85", lambda: stream(rdi=dynamic(b"")), ("R-85 rdi.dm_size 280+16",)),
    Case("R-86", lambda: payload("rdi", lambda found: b"\x00"), ("R-86 rdi.dm_present_flag 235+1",)),
    Case("R-87", lambda: stream(rdi=dynamic(b"abcde")), ("R-87 rdi.dm_data_byte 296+40",), about="five bytes"),
    Case("R-87", lambda: stream(rdi=dynamic(b"\x80abc")), ("R-87 rdi.dm_data_byte 296+32",), about="the first bit set"),
)
