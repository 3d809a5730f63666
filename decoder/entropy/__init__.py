"""From the bytes of entropy-coded segments to z, residual integers and the dequantised residual (chapters 04, 05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.entropy.dequantise import Dequantiser
    from jpegai.decoder.entropy.gains import Gains, gain_log
    from jpegai.decoder.entropy.quality import QualityMap, decode_quality_map
    from jpegai.decoder.entropy.residual import ResidualCall, decode_residual, decode_residuals
    from jpegai.decoder.entropy.scales import Scales
    from jpegai.decoder.entropy.scaling import BiasScaling, VarianceScaling, block_activity
    from jpegai.decoder.entropy.tables import NOT_CODED, residual_tables, z_cdf
    from jpegai.decoder.entropy.z import decode_z

__all__ = [
    "NOT_CODED",
    "BiasScaling",
    "Dequantiser",
    "Gains",
    "QualityMap",
    "ResidualCall",
    "Scales",
    "VarianceScaling",
    "block_activity",
    "decode_quality_map",
    "decode_residual",
    "decode_residuals",
    "decode_z",
    "gain_log",
    "residual_tables",
    "z_cdf",
]

_HOME = {
    "BiasScaling": "scaling",
    "Dequantiser": "dequantise",
    "Gains": "gains",
    "NOT_CODED": "tables",
    "QualityMap": "quality",
    "ResidualCall": "residual",
    "Scales": "scales",
    "VarianceScaling": "scaling",
    "block_activity": "scaling",
    "decode_quality_map": "quality",
    "decode_residual": "residual",
    "decode_residuals": "residual",
    "decode_z": "z",
    "gain_log": "gains",
    "residual_tables": "tables",
    "z_cdf": "tables",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
