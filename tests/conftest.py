"""Tests keep their caches in the checkout, and say at the end what was compared with the reference's vectors."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("JPEGAI_CACHE", str(Path(__file__).resolve().parents[1] / "build" / "test-cache"))

#: Test function to what one case of it is.
_COMPARISONS = {
    "test_decode_is_that_of_the_reference": "decodes compared with the reference",
    "test_streams_off_the_path_are_refused_by_name": "streams refused by name",
    "test_case_of_the_specification": "filter cases of the specification compared",
    "test_filter_alone": "filters of streams compared with the reference, each alone",
    "test_case_of_the_specification_on_fixed_point": "filter cases of the specification compared on fixed point",
    "test_filter_alone_on_fixed_point": "filters of streams compared with the reference on fixed point, each alone",
    "test_build_gives_the_same_bytes_and_the_trace_covers_the_file": "streams parsed and rebuilt",
}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            name = report.nodeid.partition("[")[0].rpartition("::")[2]
            if name in _COMPARISONS:
                counts[name, outcome] += 1
    for name, what in _COMPARISONS.items():
        if any(counts[name, outcome] for outcome in ("passed", "failed", "skipped")):
            parts = ", ".join(f"{counts[name, outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
            terminalreporter.write_line(f"vectors: {what}: {parts}")
    shares = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "equal bytes"
    ]
    if shares:
        terminalreporter.write_line(
            f"{len(shares)} combinations of sizes, transforms and models: with 1 and 2 threads "
            f"{min(shares):.2%} to {max(shares):.2%} of the bytes of float results are equal"
        )
