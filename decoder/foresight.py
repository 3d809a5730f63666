"""Whether a stream can be decoded, answered before any work: headers, models at hand, limits."""

from __future__ import annotations

from jpegai.codestream import Codestream, JpegAIError, ModelError
from jpegai.decoder.components import COMPONENTS, network_names
from jpegai.decoder.decoder import Decoder
from jpegai.decoder.filters.chain import FilterChain
from jpegai.decoder.models import file_name
from jpegai.decoder.networks import NETWORKS

__all__ = ["model_files", "obstacles"]


def model_files(stream: Codestream, transform: str) -> list[str]:
    """Return the official files of the models that a decode of the stream with this transform uses."""
    model_id = stream.pih.model_id
    kinds = {NETWORKS[name].file_kind for name in network_names(transform)}
    kinds |= {component.file_kind for component in COMPONENTS}
    files = [file_name(kind, model_id) for kind in sorted(kinds)]
    eicci = FilterChain.from_header(stream.ton, stream.pih, transform).eicci
    if eicci is not None:
        files += [file_name(NETWORKS[name].file_kind, index, eicci.bank) for name, index in eicci.networks]
    return files


def obstacles(decoder: Decoder, stream: Codestream, transform: str) -> list[JpegAIError]:
    """Return what keeps a decoder from decoding a stream with a transform; nothing where it can.

    Args:
        decoder: its models and limits count.
        stream: a stream that was parsed, with `recover` or without.
        transform: name of the transform.
    """
    if stream.errors:
        return list(stream.errors)
    found: list[JpegAIError] = []
    try:
        decoder.layout(stream, None, transform=transform)
        absent = [file for file in model_files(stream, transform) if decoder.store.status(file) == "missing"]
        if absent:
            raise ModelError(f"models are missing: {', '.join(absent)}", file=decoder.store.name)
    except JpegAIError as error:
        found.append(error.locate(file=stream.name))
    return found
