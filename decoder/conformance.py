"""Rules that take a decode (12.6.5, S-45, S-46): symbols, models, hashes of what a decode makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jpegai.codestream import Codestream, Finding, JpegAIError
from jpegai.codestream.rules.catalogue import catalogue, finding
from jpegai.codestream.rules.report import Decoding
from jpegai.codestream.schema.pih import CHANNELS, TRANSFORMS
from jpegai.decoder.canonical import canonical, sha256
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.decoder import Decoder
from jpegai.decoder.foresight import model_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HASHED_STAGES", "decode_for_rules"]

#: Integer stages of a component that are the same on every machine (R-97).
_INTEGERS = ("z", "hyper_scale", "scale0", "scale1", "sigma_index", "coded_mask")
#: Stages whose sha256 can be given as expected.
HASHED_STAGES = (*(f"{component.name}.{stage}" for component in COMPONENTS for stage in _INTEGERS), "picture")
#: Rules on symbols, which a decode checks all.
_SYMBOLS = ("S-45", "S-46", "R-90", "R-91", "R-92", "R-93", "R-94", "R-96")


def decode_for_rules(decoder: Decoder, stream: Codestream, expected: Mapping[str, str] | None = None) -> Decoding:
    """Decode a stream and tell what that shows of the rules that need it; never raises for its bytes.

    Args:
        decoder: what decodes; its models decide R-95.
        stream: a stream that was parsed.
        expected: sha256 of stages (`HASHED_STAGES`) of a right decode, of their canonical form.
    """
    reasons: dict[str, str] = {}
    findings = [*_models(decoder, stream, reasons)]
    asked = dict(expected or {})
    try:
        picture = decoder.decode(stream)
        stages = decoder.dump(stream, stages=[*asked]) if asked else {}
    except JpegAIError as error:
        return _stopped(decoder, error, findings, reasons)
    own = [each for each in picture.findings if _takes_a_decode(each.rule)]
    findings += [*own, *_behind_the_channels(stream, own), *_hashes(stages, asked, reasons)]
    return Decoding(decoder.store.name, True, None, tuple(findings), reasons)


def _takes_a_decode(rule: str | None) -> bool:
    """Whether a rule of the catalogue is judged by decoding; a decoder also tells what no rule of it says."""
    entry = catalogue().get(rule) if rule is not None else None
    return entry is not None and bool({*entry.needs} & {"N", "M"})


def _stopped(decoder: Decoder, error: JpegAIError, findings: list[Finding], reasons: dict[str, str]) -> Decoding:
    """What an error in a decode tells: the rule it breaks, if any; of the others nothing."""
    told = _takes_a_decode(error.rule)
    if told:
        assert error.rule is not None
        detail = f" (found {error.found}, expected {error.expected})" if error.found is not None else ""
        findings.append(finding(error.rule, error.message + detail, error.selector, error.bit_offset))
    why = f"the decode stopped at {error.rule}" if told else f"the stream was not decoded: {error.message}"
    for rule in (*_SYMBOLS, "R-97", "R-98"):
        reasons.setdefault(rule, why)
    return Decoding(decoder.store.name, False, str(error), tuple(findings), reasons)


def _models(decoder: Decoder, stream: Codestream, reasons: dict[str, str]) -> Iterator[Finding]:
    """R-95: the files that a decode uses have the published checksums (09)."""
    store = decoder.store
    if store.built_in:
        reasons["R-95"] = f"the built-in models '{store.name}' have no published checksums"
        return
    transform = TRANSFORMS.get(stream.pih.synthesis_transform_id[0])
    if transform is None or stream.pih.model_id > 3:
        reasons["R-95"] = "the stream names no models that exist"
        return
    files = model_files(stream, transform)
    states = {file: store.status(file) for file in files}
    for file, state in states.items():
        if state == "unknown":
            message = f"found another content of {file} in {store.name}, expected the published one"
            yield finding("R-95", message, "pih.model_id")
    absent = [file for file, state in states.items() if state == "missing"]
    if absent:
        reasons["R-95"] = f"models are missing: {', '.join(absent)}"


def _behind_the_channels(stream: Codestream, own: list[Finding]) -> Iterator[Finding]:
    """R-93: where channels are not coded, a payload that is not used up holds something for them."""
    for each in own:
        for index, component in enumerate(COMPONENTS):
            segment = (each.selector or "").partition(".")[0].partition("[")[0]
            coded = stream.pih.num_chs[index]
            if each.rule == "S-46" and segment == component.residual_segment and coded < CHANNELS[index]:
                message = f"found something left behind {coded} channels, expected nothing"
                yield finding("R-93", message, each.selector, each.bit_offset)


def _hashes(
    stages: Mapping[str, NDArray[Any]], expected: Mapping[str, str], reasons: dict[str, str]
) -> Iterator[Finding]:
    """R-97, R-98: stages have the hashes that were given."""
    for rule, given in (
        ("R-97", [stage for stage in expected if stage != "picture"]),
        ("R-98", [stage for stage in expected if stage == "picture"]),
    ):
        if not given:
            reasons[rule] = "no expected hash was given (--expect STAGE=SHA256)"
        for stage in given:
            if stage not in stages:
                reasons[rule] = f"the decode has no stage {stage}"
                continue
            found = sha256(canonical(stage, stages[stage]))
            if found != expected[stage].lower():
                yield finding(rule, f"found {found} as sha256 of {stage}, expected {expected[stage]}", None)
