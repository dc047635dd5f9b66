"""What a training takes: seconds and memory."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

from polyglot_harness.training.precision import on_gpu

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Usage:
    """Measures from when it is made. The peak is the GPU's, or else this process's on a CPU."""

    def __init__(self, device: str | None) -> None:
        """Begin."""
        self._gpu = on_gpu(device)
        self._started = time.monotonic()
        if self._gpu:
            import torch

            torch.cuda.reset_peak_memory_stats()
        else:
            with suppress(OSError):  # only Linux can forget an earlier peak
                _CLEAR.write_text("5", encoding="ascii")

    def seconds(self) -> float:
        """Return the seconds since."""
        return time.monotonic() - self._started

    def peak_megabytes(self) -> int:
        """Return the peak in MB (10^6 bytes)."""
        if self._gpu:
            import torch

            return int(torch.cuda.max_memory_allocated()) // 10**6
        return resident_peak() // 10**6


def resident_peak() -> int:
    """Return the largest resident size of this process in bytes."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
