"""Run a command and watch it: wall time, processor time and memory of it and its children (Linux).

Processor time and memory are read from ``/proc`` ten times a second, so that processor time can be
told for any moment of the run; the totals are the kernel's own, from ``wait4``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PERIOD = 0.1
"""Seconds between two samples."""
MEMORY_EVERY = 3
"""Reading memory walks all mappings, so it is not done at every sample."""


@dataclass
class Watched:
    """A run of a command."""

    started: float
    """Seconds since the epoch, as `ended` and the samples' times."""
    ended: float = 0.0
    status: int = 0
    """As of `subprocess`: negative for a signal."""
    cpu: float = 0.0
    """Seconds of processor time, user and system, of the command and its children."""
    peak: float = 0.0
    """Largest memory in MB: resident, a page that processes share counted once."""
    samples: list[tuple[float, float]] = field(default_factory=list)
    """(time, processor seconds until then)."""
    log: str = ""
    """End of what it printed, on both streams."""

    @property
    def wall(self) -> float:
        """Seconds from start to end."""
        return self.ended - self.started

    def cpu_until(self, moment: float) -> float:
        """Return the processor seconds spent until a moment, interpolated."""
        points = [(self.started, 0.0), *self.samples, (self.ended, self.cpu)]
        after = min(max(bisect_left(points, (moment,)), 1), len(points) - 1)
        (t0, c0), (t1, c1) = points[after - 1], points[after]
        return c0 + (c1 - c0) * min(max((moment - t0) / (t1 - t0 or 1), 0), 1)


def watch(
    command: Sequence[str | Path],
    log: Path,
    *,
    core: int | None = None,
    env: Mapping[str, str] | None = None,
    kill_when: Callable[[], bool] | None = None,
    timeout: float = 600,
) -> Watched:
    """Run a command to its end, or until it is killed.

    Args:
        command: Program and arguments.
        log: Where its output goes.
        core: Pin it to this core.
        env: Set besides the environment as it is.
        kill_when: Asked at every sample; where it says so, the command and its children get
            SIGKILL.
        timeout: Seconds after which it is killed, whatever it does.
    """
    pin = [] if core is None else ["taskset", "-c", str(core)]
    with log.open("ab") as out:
        run = Watched(started=time.time())
        process = subprocess.Popen(
            [*pin, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        while not _ended(process, run):
            _sample(process.pid, run)
            if time.time() - run.started > timeout or (kill_when and kill_when()):
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(PERIOD)
    run.log = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    return run


def _ended(process: subprocess.Popen[bytes], run: Watched) -> bool:
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if not pid:
        return False
    run.ended = time.time()
    run.status = process.returncode = os.waitstatus_to_exitcode(status)
    # children that nobody waited for are in the samples only
    run.cpu = max([usage.ru_utime + usage.ru_stime, *(cpu for _, cpu in run.samples)])
    run.peak = max(run.peak, usage.ru_maxrss / 1024)  # a short peak may lie between two samples
    return True


def _sample(pid: int, run: Watched) -> None:
    tree = list(_tree(pid))
    run.samples.append((time.time(), sum(map(_cpu, tree))))
    if len(run.samples) % MEMORY_EVERY == 0:
        run.peak = max(run.peak, sum(map(_memory, tree)))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return
    for child in children:
        yield from _tree(int(child))


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICK  # own and waited-for children's, user and system


def _memory(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
