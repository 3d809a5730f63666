"""Pictures of unusual sizes, written by the tests: the symbols come back, the picture has the right size."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.decoder import Decoder
from tests.vectors import needs_spec
from tests.writer import write_stream


def hyper_latents(height: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(height + width)
    shape = -(-height // 64), -(-width // 64)
    return [rng.integers(-31, 31, (channels, *shape), endpoint=True).astype(np.int8) for channels in (160, 96)]


@needs_spec
@pytest.mark.parametrize("models", ["analytic", "test"])
@pytest.mark.parametrize(
    ("height", "width", "threads"),
    [
        (64, 64, 16),
        (65, 127, 2),
        (201, 301, 8),
        (64, 1400, 4),
        (1100, 65, 1),
        pytest.param(64, 65599, 16, marks=pytest.mark.long),
        pytest.param(65599, 64, 1, marks=pytest.mark.long),
    ],
)
def test_any_size_and_any_hyper_latents(models: str, height: int, width: int, threads: int) -> None:
    z = hyper_latents(height, width)
    cut = {"diff_display_img_height": 63, "diff_display_img_width": 1}
    data = write_stream(height, width, z, models=models, threads=threads, **cut)
    results = Decoder(models, engine="float32").dump(data)
    for name, expected in zip(("primary", "secondary"), z, strict=True):
        assert np.array_equal(results[f"{name}.z"], expected)
        assert not results[f"{name}.residual"].any()
        assert np.isfinite(results[f"{name}.latents"]).all()
    assert results["picture"].shape == (height - 63, width - 1, 3)
    assert not Decoder(models, engine="float32").decode(data).findings
