"""Where the bytes go: the sum is the file, and every part is what the trace says."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.fields import Field
from jpegai.codestream.statistics import PARTS, statistics
from jpegai.conformance_streams import STREAMS
from jpegai.tools.stats import report
from tests.streams import described_streams, perf_streams

PATHS = [entry.path for entry in STREAMS] + [stream.path for stream in described_streams() + perf_streams()]
#: Names of the trace to the part their bytes belong to, by segment; in headers all but the framing.
HEADERS = ("pih", "ton", "rdi", "udi")
CONTENT = {"soz": "both", "sorp": "primary", "sors": "secondary", "soq": "quality_map"}


def part_of(entry: Field) -> str:
    group = entry.path.partition(".")[0].partition("[")[0]
    if entry.name in ("marker", "length", "length_padding"):
        return "framing"
    if group in HEADERS or group == "trailing":
        return "headers" if group in HEADERS else "trailing"
    return CONTENT[group] if entry.name == "threads" else "tables"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_parts_are_those_of_the_trace_and_their_sum_is_the_file(path: object) -> None:
    stream = Codestream.open(str(path))
    found = statistics(stream)
    bits = dict.fromkeys(PARTS, 0)
    for field in stream.fields.expanded():
        bits[part_of(field)] += field.bits
    assert {name: 8 * size for name, size in found.parts.items()} == bits
    assert sum(found.parts.values()) == found.size == len(stream.data)
    for each in found.segments:
        assert each.framing + each.tables + each.content == each.segment.size
        regions = stream.payload(each.segment).regions if each.regions else []
        assert [region.index for region in each.regions] == [region.index for region in regions]
        for counted, region in zip(each.regions, regions, strict=True):
            assert counted.threads == tuple(len(thread.data) for thread in region.threads)
            assert counted.size == len(region.data)
    assert 2 + sum(each.segment.size for each in found.segments) + 2 + len(stream.trailing) == found.size


def test_bits_per_pixel_and_share() -> None:
    stream = Codestream.parse(STREAMS[0].read() + b"0123456789")
    found = statistics(stream)
    assert found.parts["trailing"] == 10
    assert found.bits_per_pixel(found.size) == 8 * found.size / (stream.pih.img_width * stream.pih.img_height)
    assert found.share(found.size) == 1
    assert sum(map(found.share, found.parts.values())) == pytest.approx(1)


def test_json() -> None:
    schema = json.loads((files("jpegai.tools") / "stats.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(json.dumps(report([Codestream.open(path) for path in PATHS])))
    validator.validate(document)
    for record in document["files"]:
        assert sum(part["bytes"] for part in record["parts"].values()) == record["bytes"]
        rates = [part["bits_per_pixel"] for part in record["parts"].values()]
        assert sum(rates) == pytest.approx(record["bits_per_pixel"])
    del document["files"][0]["parts"]["tables"]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)
