"""`jpegai inspect --can-decode`: whether a decode would succeed and what stands against it, before any work."""

from __future__ import annotations

from typing import Any

import click

from jpegai.codestream import Codestream, JpegAIError
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.pih import TRANSFORMS

__all__ = ["answer", "exit_code", "print_answer"]


def answer(stream: Codestream, models: str) -> dict[str, Any]:
    """Return, for JSON, what keeps each listed transform from being decoded, and what breaks profile and level.

    Args:
        stream: a stream parsed with or without `recover`.
        models: where the weights are, as ``--models`` says.

    Raises:
        ModelError: there are no such models.
    """
    from jpegai.decoder import Decoder
    from jpegai.decoder.foresight import obstacles

    decoder = Decoder(models)
    ids = stream.pih.synthesis_transform_id.values() if stream.complete else ()
    transforms = [TRANSFORMS.get(each, f"transform {each}") for each in ids]
    found = {name: obstacles(decoder, stream, name) for name in transforms}
    if not transforms:
        found["any transform"] = list(stream.errors)
    claims = [finding for finding in check(stream) if finding.severity == "C"]
    return {
        "models": models,
        "transforms": [
            {"transform": name, "can_decode": not errors, "obstacles": [_obstacle(error) for error in errors]}
            for name, errors in found.items()
        ],
        "outside_profile_and_level": [str(finding) for finding in claims],
    }


def _obstacle(error: JpegAIError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code}


def exit_code(found: dict[str, Any]) -> int:
    """Return the exit code that a decode with the default transform would end with."""
    obstacles = found["transforms"][0]["obstacles"]
    return int(obstacles[0]["exit_code"]) if obstacles else 0


def print_answer(found: dict[str, Any]) -> None:
    """Print the answer, a line for each transform and obstacle."""
    for number, each in enumerate(found["transforms"]):
        default = " (default)" if number == 0 else ""
        click.echo(f"{each['transform']}{default}: {'can be decoded' if each['can_decode'] else 'cannot be decoded'}")
        for obstacle in each["obstacles"]:
            click.echo(f"  {obstacle['message']}")
    for text in found["outside_profile_and_level"]:
        click.echo(f"outside its profile and level, which does not matter to this decoder: {text}")
