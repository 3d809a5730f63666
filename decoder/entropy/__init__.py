"""From the bytes of entropy-coded segments to z, residual integers and the dequantised residual (chapters 04, 05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.entropy.gains import Gains, gain_log
    from jpegai.decoder.entropy.residual import decode_residual, decode_residuals
    from jpegai.decoder.entropy.scales import coded_mask, coding_map, dequantise, scale0, sigma_index
    from jpegai.decoder.entropy.tables import NOT_CODED, residual_tables, z_cdf
    from jpegai.decoder.entropy.z import decode_z

__all__ = [
    "NOT_CODED",
    "Gains",
    "coded_mask",
    "coding_map",
    "decode_residual",
    "decode_residuals",
    "decode_z",
    "dequantise",
    "gain_log",
    "residual_tables",
    "scale0",
    "sigma_index",
    "z_cdf",
]

_HOME = {
    "Gains": "gains",
    "NOT_CODED": "tables",
    "coded_mask": "scales",
    "coding_map": "scales",
    "decode_residual": "residual",
    "decode_residuals": "residual",
    "decode_z": "z",
    "dequantise": "scales",
    "gain_log": "gains",
    "residual_tables": "tables",
    "scale0": "scales",
    "sigma_index": "scales",
    "z_cdf": "tables",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
