"""`jpegai compare`: every kind of difference is found, placed and explained; damage is told in one line."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.conformance_streams import STREAMS
from jpegai.decoder.picture.compare import TOLERANCES, allowed
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.recorder import STAGES
from jpegai.tools.compare_words import MAKERS
from tests.streams import described_streams
from tests.tools.dumps import altered, archive, dump, fixed, index, made_up, npy
from tests.tools.inprocess import Result, run
from tests.tools.test_schemas import validator
from tests.vectors import needs_vectors

SMALL = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def report(a: bytes, b: bytes, *options: object) -> dict[str, Any]:
    """The report on two dumps, checked by its schema; `code` is added."""
    Path("a.npz").write_bytes(a)
    Path("b.npz").write_bytes(b)
    return reported("a.npz", "b.npz", *options)


def reported(*arguments: object) -> dict[str, Any]:
    result = run("compare", *arguments, "--json")
    assert result.stdout, result.stderr
    document = json.loads(result.stdout)
    validator("compare").validate(document)
    assert (result.code == 0) == document["equal"]
    assert result.code in (0, 1)
    return dict(document)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["verdict"] for each in document["results"]}


def of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(each for each in document["results"] if each["name"] == name))


def test_every_stage_has_its_words() -> None:
    assert (*MAKERS,) == STAGES


@pytest.mark.parametrize(
    ("name", "place", "value", "found"),
    [
        ("primary.z", (5, 1, 0), 4, (5, 1, 0, -2, 4)),
        ("secondary.z", (0, 0, 1), 7, (0, 0, 1, -1, 7)),
        ("primary.residual", (1, 2, 3), -32768, (1, 2, 3, 11, -32768)),
        ("primary.latents", (1, 0, 2), 5.5, (1, 0, 2, 0.75, 5.5)),
        ("primary.planes", (0, 3, 5), 0.5, (0, 3, 5, 241.5, 0.5)),
        ("lef.1", (0, 0, 0), -1.0, (0, 0, 0, 0, -1)),
        ("picture", (2, 1, 1), 255, (1, 2, 1, 120, 255)),
    ],
)
def test_one_sample(name: str, place: tuple[int, ...], value: float, found: tuple[float, ...]) -> None:
    document = report(dump(made_up()), dump(altered(made_up(), name, place, value)))
    assert {key: verdict for key, verdict in verdicts(document).items() if verdict != "equal"} == {name: "different"}
    assert document["first"]["result"] == name
    each = of(document, name)
    assert (each["differing"], each["beyond"], each["samples"]) == (1, 1, made_up()[name].size)
    assert tuple(each["first"].values()) == found
    distance = abs(found[4] - found[3])
    assert each["maximum"] == distance
    assert each["rms"] == pytest.approx(distance / made_up()[name].size ** 0.5)
    psnr = None if name != "picture" else pytest.approx(20 * np.log10(255 / each["rms"]))
    assert each["psnr"] == psnr


def test_equal() -> None:
    document = report(dump(made_up()), dump(made_up()))
    assert document["equal"]
    assert document["first"] is None
    assert {*verdicts(document).values()} == {"equal"}
    assert [*verdicts(document)] == [*made_up()]


def test_the_first_is_that_of_the_decode_not_of_the_file() -> None:
    wrong = altered(altered(made_up(), "picture", (0, 0, 0), 9), "primary.residual", (0, 1, 1), 9)
    document = report(dump(dict(reversed(made_up().items()))), dump(wrong))
    assert document["first"]["result"] == "primary.residual"
    words = "entropy decoding of the residual (section 04, 05.9) of the primary component"
    assert document["first"]["meaning"] == f"Entropy decoding (z) agrees; the decoders part in {words}."


def test_many_samples_over_several_blocks() -> None:
    size = (3, 200, 300)
    a = np.zeros(size, np.float32)
    b = a.copy()
    b[2, 100:, 7] = 0.5
    b[1, 3, 4] = -0.25
    document = report(dump({"primary.planes": a}), dump({"primary.planes": b}))
    each = of(document, "primary.planes")
    assert (each["differing"], each["maximum"]) == (101, 0.5)
    assert each["rms"] == pytest.approx(((100 * 0.25 + 0.0625) / a.size) ** 0.5)
    assert each["first"] == {"channel": 1, "row": 3, "column": 4, "a": 0, "b": -0.25}


@pytest.mark.parametrize(("other", "differing"), [(-0.0, 1), (np.nan, 1), (np.inf, 1), (0.0, 0)])
def test_floats_are_compared_to_the_bit(other: float, differing: int) -> None:
    base = {"primary.psi": np.zeros((1, 1, 2), np.float32)}
    document = report(dump(base), dump(altered(base, "primary.psi", (0, 0, 1), other)))
    each = of(document, "primary.psi")
    assert each["differing"] == differing
    assert each["maximum"] == (0 if other == 0 else None)
    same = dump(altered(base, "primary.psi", (0, 0, 1), other))
    assert report(same, same)["equal"]


@pytest.mark.parametrize("stage", [*TOLERANCES, "residual_dequantised"])
def test_conformance_limits(stage: str) -> None:
    limit = TOLERANCES.get(stage, 0.0)
    name = f"primary.{stage}"
    base = {name: np.zeros((1, 2, 2), np.float32)}
    inside, outside = (altered(base, name, (0, 1, 1), limit * factor) for factor in (0.9, 1.1))
    options = ("--tolerance", "conformance")
    document = report(dump(base), dump(inside), *options)
    assert verdicts(document)[name] == ("within" if limit else "equal")
    document = report(dump(base), dump(outside if limit else altered(base, name, (0, 1, 1), 1e-9)), *options)
    assert verdicts(document)[name] == "different"
    assert not report(dump(base), dump(altered(base, name, (0, 1, 1), 1e-6)))["equal"]


@pytest.mark.parametrize(
    ("count", "step", "good"), [(8, 1, True), (9, 1, False), (1, 2, False), (1, -1, True), (0, 0, True)]
)
def test_conformance_of_pictures(count: int, step: int, good: bool) -> None:
    a = np.full((10, 10, 3), 100, np.uint8)
    b = a.copy()
    b.reshape(-1)[5 : 5 + count] += np.uint8(step % 256)
    assert allowed(a.size) == 8
    document = report(dump({"picture": a}), dump({"picture": b}), "--tolerance", "conformance")
    assert document["equal"] == good
    each = of(document, "picture")
    assert each["differing"] == count
    assert (each["reason"] is not None) == (count == 9)
    assert (each["first"] is None) == good
    if not good:
        assert (each["first"]["channel"], each["first"]["row"], each["first"]["column"]) == (2, 0, 1) or count == 9


def test_a_tolerance_of_ones_own() -> None:
    wrong = dump(altered(made_up(), "primary.latents", (0, 0, 0), -0.5))
    assert not report(dump(made_up()), wrong, "--tolerance", 0.49)["equal"]
    assert report(dump(made_up()), wrong, "--tolerance", 0.5)["equal"]
    for text in ("-1", "nan", "inf", "some"):
        assert run("compare", "a.npz", "b.npz", "--tolerance", text).code == 2


def test_fixed_point_against_floats() -> None:
    exact = {**made_up(), "primary.latents": fixed(made_up()["primary.latents"], 12)}
    bits = {"primary.latents": 12}
    document = report(dump(made_up()), dump(exact, bits))
    assert document["equal"]
    assert document["notes"] == ["latents: float32 in A, int32 with 12 fraction bits in B: compared as real values"]
    document = report(dump(made_up()), dump(altered(exact, "primary.latents", (1, 2, 3), 7687), bits))
    assert [*of(document, "primary.latents")["first"].values()] == [1, 2, 3, 1.875, 7687 / 4096]
    limit = 7 / 4096
    assert report(dump(made_up()), Path("b.npz").read_bytes(), "--tolerance", limit)["equal"]
    assert not report(dump(made_up()), Path("b.npz").read_bytes(), "--tolerance", limit * 0.99)["equal"]


def test_fixed_point_of_two_forms() -> None:
    values = made_up()["primary.latents"]
    forms = [dump({"primary.latents": fixed(values, bits)}, {"primary.latents": bits}) for bits in (8, 12)]
    document = report(*forms)
    assert document["equal"]
    assert "int32 with 8 fraction bits in A, int32 with 12 fraction bits in B" in document["notes"][0]
    same = [
        dump({"primary.latents": fixed(values, 8) + more}, {"primary.latents": 8}) for more in (0, 1)
    ]  # the values of one form are told as real values, too
    each = of(report(*same), "primary.latents")
    assert (each["maximum"], each["rms"], each["converted"]) == (1 / 256, 1 / 256, None)
    assert each["first"]["b"] == values[0, 0, 0] + 1 / 256
    assert report(*same, "--tolerance", 1 / 256)["equal"]
    assert not report(*same, "--tolerance", 0.9 / 256)["equal"]


def test_hashes_only() -> None:
    wrong = altered(made_up(), "primary.planes", (0, 0, 0), 5.0)
    Path("a.npz").write_bytes(dump(made_up()))
    Path("h.json").write_text(json.dumps(index(wrong)))
    document = reported("a.npz", "h.json")
    assert verdicts(document)["primary.planes"] == "different"
    assert [*verdicts(document).values()].count("equal") == 6
    assert of(document, "primary.planes")["samples"] is None
    assert not reported("h.json", "a.npz", "--tolerance", "100")["equal"]
    Path("h.json").write_text(json.dumps(index(made_up())))
    assert reported("a.npz", "h.json")["equal"]
    assert reported("h.json", "h.json")["equal"]
    exact = {"primary.latents": fixed(made_up()["primary.latents"], 12)}
    Path("h.json").write_text(json.dumps(index(exact, {"primary.latents": 12})))
    document = reported("a.npz", "h.json")
    assert verdicts(document) == {"primary.latents": "incomparable"}
    assert "12 fraction bits" in of(document, "primary.latents")["reason"]
    changed = {f"{name}.npy": npy(array + 1) for name, array in made_up().items()}
    _file("c.npz", archive({**changed, "index.json": json.dumps(index(made_up())).encode()}))
    assert "another sha256" in _error(run("compare", "c.npz", _file("i.json", json.dumps(index(made_up())).encode())))
    broken = index(made_up())
    del broken["results"][0]["sha256"]
    Path("h.json").write_text(json.dumps(broken))
    assert verdicts(reported("a.npz", "h.json"))["primary.z"] == "incomparable"


def test_pictures_against_hashes() -> None:
    made = Picture(np.arange(60, dtype=np.uint16).reshape(3, 4, 5) * 17, _format("rgb444:10"), "SOP")
    made.save("o.png")
    made.save("o.pgx")
    made.convert("yuv420:10").save("o.yuv")
    for picture, names in ((made, ("o.png", "o.pgx")), (made.convert("yuv420:10"), ("o.yuv",))):
        samples = picture.rgb if picture.format.space == "rgb" else picture.flat()
        geometry = {"format": str(picture.format), "height": 4, "width": 5}
        for more in (0, 1):
            _file("h.json", json.dumps(index({"picture": samples + np.uint16(more)}, picture=geometry)).encode())
            for name in names:
                assert reported(name, "h.json")["equal"] == (not more)
                assert reported("h.json", name)["equal"] == (not more)
    _file("s_0.pgx", b"PG ML -8 5 4\n" + b"\xff" * 20)
    assert of(reported("s_0.pgx", "h.json"), "picture")["verdict"] != "equal"


def test_sizes_that_differ() -> None:
    other = {**made_up(), "primary.latents": np.zeros((2, 3, 5), np.float32)}
    document = report(dump(made_up()), dump(other))
    assert of(document, "primary.latents")["reason"] == "the sizes differ: 2x3x4 in A, 2x3x5 in B"
    Path("h.json").write_text(json.dumps(index(other)))
    assert not reported("a.npz", "h.json", "--stages", "latents")["equal"]


def test_results_that_one_side_lacks() -> None:
    some = {name: array for name, array in made_up().items() if name != "lef.1"}
    document = report(dump(made_up()), dump(some))
    assert document["equal"]
    assert document["not_compared"] == ["lef.1"]
    document = report(dump(made_up()), dump(some, stages=["lef", "z"]))
    assert verdicts(document)["lef.1"] == "only in A"
    document = report(dump(some, stages=["lef.1"]), dump(made_up()))
    assert verdicts(document)["lef.1"] == "only in B"
    assert not document["equal"]


def test_a_stream_that_has_what_a_dump_lacks() -> None:
    stream = _file("s.jai", SMALL.read())
    for stages in ("residual", "residual,z"):
        assert run("dump", stream, f"{stages}.npz", "--stages", stages).code == 0
    some = dict(np.load("residual.npz"))
    del some["index.json"]
    _file("b.npz", dump(some, stages=["residual", "z"]))
    document = reported(stream, "b.npz")
    lacking = [name for name, verdict in verdicts(document).items() if verdict == "only in A"]
    assert lacking == ["primary.z", "secondary.z"]
    assert reported("residual.npz", stream)["equal"]
    assert [*verdicts(reported(stream, "residual,z.npz", "--stages", "primary.z"))] == ["primary.z"]


def test_another_stream_models_and_engine() -> None:
    about = [
        {
            "stream": {"name": f"{name}.jai", "bytes": 1, "sha256": name * 64},
            "models": {"name": "m", "files": {"x.pth": name, "y.pth": "same"}},
            "engine": f"engine-{name}", "exact": name == "a", "transform": name,
        }
        for name in "ab"
    ]  # fmt: skip
    document = report(dump(made_up(), **about[0]), dump(made_up(), **about[1]))
    assert document["notes"] == [
        "A and B are of different streams",
        "different engines: engine-a in A, engine-b in B",
        "different transforms: a in A, b in B",
        "different models: x.pth",
    ]
    assert document["equal"]


def test_without_an_index() -> None:
    """Another decoder's arrays, of wider types and another order, under the names of the results."""
    arrays = {name: npy(np.asfortranarray(array)) for name, array in made_up().items() if name != "primary.z"}
    arrays["primary.z"] = npy(made_up()["primary.z"].astype(">i8"))
    members = {f"{name}.npy": data for name, data in arrays.items()}
    assert report(archive({**members, "note.txt": b"mine"}), dump(made_up()))["equal"]
    members["primary.z.npy"] = npy(made_up()["primary.z"].astype(np.int32) + 200)
    assert "int8 does not hold" in _error(run("compare", _file("c.npz", archive(members)), "b.npz"))
    nothing = _file("c.npz", archive({"x.npy": npy(np.zeros(1))}))
    assert "no array of the archive is called like a result" in _error(run("compare", nothing, "b.npz"))


def _file(name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    return name


def _error(result: Result, *, code: int = 3) -> str:
    """The one line of an error."""
    assert result.code == code, (result.code, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("jpegai: ")
    return line


class Trap:
    """Tells when it is unpickled."""

    sprung = False

    def __reduce__(self) -> Any:
        return setattr, (Trap, "sprung", True)


def _with_index(**change: Any) -> bytes:
    """A dump whose first entry is changed."""
    document = index(made_up())
    document["results"][0] |= change
    members = {f"{name}.npy": npy(array) for name, array in made_up().items()}
    return archive({**members, "index.json": json.dumps(document).encode()})


def _bomb() -> bytes:
    """An array of 256 MiB of zeros that is deflated to a thousandth."""
    head = npy(np.zeros(0, np.int8)).replace(b"(0,)", b"(268435456,)").replace(b" " * 8 + b"\n", b"\n")
    document = index({})
    entry = {"name": "primary.z", "shape": [1 << 28], "dtype": "int8", "sha256": None, "fraction_bits": None}
    document["results"] = [entry]
    path = Path("bomb.npz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("index.json", json.dumps(document))
        with made.open("primary.z.npy", "w", force_zip64=True) as member:
            member.write(head)
            for _ in range(1 << 4):
                member.write(bytes(1 << 24))
    return path.read_bytes()


def _truncated_member() -> bytes:
    data = bytearray(dump(made_up()))
    place = data.index(b"primary.residual.npy") + 160
    data[place] ^= 1
    return bytes(data)


HOSTILE = {
    "pickle": (lambda: archive({"primary.z.npy": npy(np.array([Trap()], object), pickled=True)}), "array of numbers"),
    "bare pickle": (lambda: archive({"primary.z.npy": pickle.dumps(Trap())}), "no NPY file"),
    "no zip": (lambda: b"PK\x03\x04" + b"\0" * 50, "cannot be read"),
    "cut": (lambda: dump(made_up())[:-100], "cannot be read"),
    "flipped": (_truncated_member, "primary.residual"),
    "bzip2": (lambda: archive({"primary.z.npy": b""}, zipfile.ZIP_BZIP2), "neither stored nor deflated"),
    "no JSON": (lambda: archive({"index.json": b"{"}), "not the index of a dump"),
    "no object": (lambda: archive({"index.json": b"[1]"}), "not the index of a dump"),
    "deep": (lambda: archive({"index.json": b"[" * 100000}), "not the index of a dump"),
    "long number": (lambda: archive({"index.json": b"1" * 10000}), "not the index of a dump"),
    "no text": (lambda: archive({"index.json": b"\xff\xfe\0"}), "not the index of a dump"),
    "version": (lambda: archive({"index.json": b'{"schema_version": 2, "results": []}'}), "unknown version"),
    "wrong hash": (lambda: _with_index(sha256="0" * 64), "another sha256"),
    "no hash": (lambda: _with_index(sha256="xyz"), "64 hexadecimal"),
    "wrong shape": (lambda: _with_index(shape=[6, 4, 1]), "not what the index says"),
    "large shape": (lambda: _with_index(shape=[1 << 50]), "not the index"),
    "many channels": (lambda: _with_index(shape=[1 << 40, 1, 1]), "not the index"),
    "negative shape": (lambda: _with_index(shape=[-1]), "whole number"),
    "true shape": (lambda: _with_index(shape=[True]), "whole number"),
    "wrong dtype": (lambda: _with_index(dtype="object"), "has the dtype"),
    "wrong bits": (lambda: _with_index(fraction_bits=99), "whole number"),
    "path": (lambda: _with_index(name="../../primary.z"), "is no result"),
    "wrong geometry": (lambda: dump(made_up(), picture={"format": "yuv420:8", "height": 9, "width": 9}), "the shape"),
    "long geometry": (lambda: dump(made_up(), picture={"format": "rgb444:8", "height": 4, "width": 1 << 30}), "whole"),
    "absent": (lambda: _with_index(name="quality_map"), "lacks a result"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_dumps(case: str) -> None:
    make, text = HOSTILE[case]
    _file("good.npz", dump({**made_up(), "quality_map": np.zeros((6, 2, 2), np.int8)}))
    assert text in _error(run("compare", "good.npz", _file("bad.npz", make())))
    assert not Trap.sprung


def test_flipped_bytes_never_escape() -> None:
    """Dumps with any bytes changed are compared, or refused in one line."""
    random, codes = np.random.default_rng(3), set()
    geometry = {"format": "rgb444:8", "height": 4, "width": 6}
    _file("good.npz", dump(made_up()))
    for name in ("bad.npz", "bad.json"):
        data = dump(made_up()) if name == "bad.npz" else json.dumps(index(made_up(), picture=geometry)).encode()
        for _ in range(60):
            damaged = bytearray(data)
            damaged[random.integers(len(data))] = random.integers(256)
            result = run("compare", "good.npz", _file(name, bytes(damaged)))
            assert result.code in (0, 1, 2, 3, 6), result.stderr
            assert result.code < 3 or len(result.stderr.splitlines()) == 1
            codes.add(result.code)
    assert {0, 3} <= codes


def test_bombs_take_no_memory() -> None:
    bomb = _file("bad.npz", _bomb())
    assert Path(bomb).stat().st_size < 1 << 21
    good = _file("good.npz", dump(made_up()))
    stream = _file("s.jai", SMALL.read())
    options = ["--max-memory", 100]
    assert "more memory than is allowed" in _error(run("compare", stream, bomb, "--stages", "z", *options), code=6)
    many = archive({f"{i}.txt": b"" for i in range(70000)})
    assert "too many members" in _error(run("compare", good, _file("many.npz", many)), code=6)
    assert "too large" in _error(run("compare", good, _file("large.json", b" " * (5 << 20))), code=6)


@pytest.mark.parametrize("what", ["missing file", "short file", "other size", "no index"])
def test_damaged_folders(what: str) -> None:
    assert run("dump", SMALL.path, "d", "--format", "pgx", "--stages", "z").code == 0
    assert run("dump", SMALL.path, "good.npz", "--stages", "z").code == 0
    assert run("compare", "d", "good.npz").code == 0
    file = Path("d") / "primary.z_3.pgx"
    if what == "missing file":
        file.unlink()
    elif what == "short file":
        file.write_bytes(file.read_bytes()[:-1])
    elif what == "other size":
        file.write_bytes(b"PG ML -8 2 1\n\0\0")
    else:
        (Path("d") / "index.json").unlink()
    assert "d" in _error(run("compare", "d", "good.npz"))


def test_streams_and_pictures() -> None:
    stream = _file("s.jai", SMALL.read())
    options, limits = ["--engine", "float32"], ["--tolerance", "conformance"]
    for name in ("o.png", "o.ppm", "o.tif", "o.npy", "o.pgm", "o.pgx"):
        assert run("decode", stream, name, *options).code == 0
        document = reported(stream, name, *options, *limits)
        assert document["equal"]
        assert verdicts(document).keys() == {"picture"}
        assert (document["a"]["kind"], document["b"]["kind"]) == ("stream", "picture")
    samples = np.load("o.npy")
    samples[2, 40, 41] ^= 128
    np.save("w.npy", samples)
    each = of(reported("o.ppm", "w.npy"), "picture")
    assert (each["differing"], each["maximum"]) == (1, 128)
    assert [*each["first"].values()][:3] == [2, 40, 41]
    document = reported(stream, "w.npy", *options, *limits)
    assert of(document, "picture")["first"]["row"] == 40
    assert document["first"]["meaning"] is None
    assert reported(stream, stream, "--stages", "z,residual")["equal"]
    assert run("compare", "-", "o.png", *options, *limits, data=SMALL.read()).code == 0


def test_pictures_of_other_depths_and_spaces() -> None:
    made = Picture(np.arange(60, dtype=np.uint16).reshape(3, 4, 5) * 17, _format("rgb444:10"), "SOP")
    made.save("a.ppm")
    made.save("b.png")
    document = reported("a.ppm", "b.png")
    assert document["equal"]
    assert document["notes"] == ["picture: the 16 bits of B hold 10: its low 6 bits were left out"]
    made.save("c.png", reference_output=True)
    assert reported("c.png", "a.ppm")["equal"]
    made.convert("rgb444:8").save("d.ppm")
    document = reported("a.ppm", "d.ppm", "--tolerance", 0.51)
    assert document["equal"]
    assert document["notes"] == ["picture: 10 bits in A, 8 bits in B: compared on a scale of 0..255"]
    assert not reported("a.ppm", "d.ppm")["equal"]
    made.convert("yuv420:10").save("e.yuv")
    document = reported("a.ppm", "e.yuv")
    assert of(document, "picture")["verdict"] == "incomparable"
    assert reported("e.yuv", "e.yuv")["equal"]
    Picture(made.planes[:, :, :4], made.format, "SOP").save("f.ppm")
    assert "in number or size" in of(reported("a.ppm", "f.ppm"), "picture")["reason"]
    for name in ("a_0.pgx", "a.pgx"):
        made.save("a.pgx")
        assert reported(name, name)["equal"]


def _format(name: str) -> Any:
    from jpegai.decoder.picture.formats import parse_format

    return parse_format(name, 8)


def test_subsampled_pictures_of_dumps() -> None:
    """The place of a sample in the planes of a flat picture comes from the geometry in the index."""
    flat = np.arange(24, dtype=np.uint8)
    geometry = {"format": "yuv420:8", "height": 4, "width": 4}
    a, b = ({"picture": array} for array in (flat, np.where(flat == 22, 99, flat).astype(np.uint8)))
    document = report(dump(a, picture=geometry), dump(b, picture=geometry))
    assert of(document, "picture")["first"] == {"channel": 2, "row": 1, "column": 0, "a": 22, "b": 99}
    assert of(document, "picture")["psnr"] is not None
    assert "damaged" not in str(document)


@needs_vectors
@pytest.mark.parametrize("name", ["an_sop_64x64", "an_bop_odd_97x131"])
def test_the_vectors_are_dumps(name: str) -> None:
    """The arrays of the reference's own decode agree within the limits of the standard, and not beyond the stage."""
    (stream,) = (stream for stream in described_streams() if stream.name == name)
    options = ["--models", stream.models, "--tolerance", "conformance", "--engine", "float32"]
    document = reported(stream.path.with_suffix(".npz"), stream.path, *options)
    assert document["equal"], document["first"]
    assert len(document["results"]) > 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["a.npz"], "Missing argument"),
        (["a.npz", "b.npz", "--engine-b", "float32"], "goes with a codestream as B"),
        (["a.npz", "b.npz", "--engine-b", "magic"], "magic"),
        (["a.npz", "b.npz", "--points", "5"], "no conformance point"),
        (["a.npz", "b.npz", "--stages", "magic"], "no stage"),
        (["a.npz", "b.npz", "--stages", "psi"], "no result in common"),
        (["a.npz", "s.jai", "--stages", "psi"], "no result in common"),
        (["-", "-"], "read once"),
    ],
)
def test_usage(arguments: list[str], text: str) -> None:
    for name in ("a.npz", "b.npz"):
        _file(name, dump(made_up()))
    _file("s.jai", SMALL.read())
    result = run("compare", *arguments)
    assert result.code == 2
    assert text in result.stderr


def test_engines() -> None:
    """The exact engine has one hash on any number of threads; it is within the limits of float32, which is told."""
    stream = _file("s.jai", SMALL.read())
    for threads in (1, 2):
        options = ["--engine", "exact", "--points", 2, "--threads", threads]
        assert run("dump", stream, f"{threads}.json", *options).code == 0
    assert reported("1.json", "2.json")["equal"]
    assert json.loads(Path("1.json").read_text())["exact"] is True
    options = ["--engine", "exact", "--engine-b", "float32", "--points", 2]
    document = reported(stream, stream, *options, "--tolerance", "conformance")
    assert document["equal"]
    assert document["notes"][0] == "different engines: exact in A, float32 in B"
    assert document["notes"][1].endswith(": int32 with 16 fraction bits in A, float32 in B: compared as real values")
    assert [document[side]["exact"] for side in "ab"] == [True, False]
    assert not reported(stream, stream, *options)["equal"]
