"""The window of requests in flight, against simulated servers (no clock, no network)."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest

from polyglot_harness.lm.concurrency import START, Window


@dataclass
class Simulation:
    """A server with `slots`, and a client that keeps its window full."""

    slots: int
    queues: bool
    """What finds no slot waits; if not, it is refused at once."""
    spread: float = 0.0
    """Sigma of the log-normal service time, whose median is 1 s."""
    slower_at: int = 0
    """From this answer on the service takes five times as long."""
    ceiling: int = 256
    sizes: list[int] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0

    def run(self, answers: int, seed: int = 0) -> Simulation:
        draw = random.Random(seed)
        self.window = Window(self.ceiling)
        free = [0.0] * self.slots
        events: list = []
        now, flying, served = 0.0, 0, 0
        while served < answers:
            while flying < self.window.size:
                flying += 1
                busy = draw.lognormvariate(0, self.spread) if self.spread else 1.0
                busy *= 5 if self.slower_at and served >= self.slower_at else 1
                fits = self.queues or flying <= self.slots
                if fits:
                    end = max(now, heapq.heappop(free)) + busy
                    heapq.heappush(free, end)
                else:
                    end = now + 0.01
                heapq.heappush(events, (end, draw.random(), self.window.send(now), fits))
            now, _, sent, fits = heapq.heappop(events)
            if fits:
                served += 1
                self.window.answered(sent, now, full=flying >= self.window.size)
            else:
                self.refused += 1
                self.window.congested(sent, now)
            flying -= 1
            self.sizes.append(self.window.size)
        self.seconds = now
        return self

    @property
    def settled(self) -> list[int]:
        return self.sizes[len(self.sizes) // 2 :]

    @property
    def used(self) -> float:
        """Share of the server's capacity that was used."""
        mean = 2.718281828 ** (self.spread**2 / 2)
        served = len(self.sizes) - self.refused
        return served * mean / (self.seconds * min(self.slots, self.ceiling))


@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("slots", [1, 4, 10, 16, 40, 100])
def test_a_server_that_refuses(slots: int, spread: float) -> None:
    found = Simulation(slots, queues=False, spread=spread).run(4000)
    mean = sum(found.settled) / len(found.settled)
    assert 0.5 * slots <= mean <= 1.4 * slots
    assert max(found.settled) <= slots + 1 and min(found.settled) >= max(1, slots // 3)
    assert found.used > 0.7


@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("slots", [40, 60, 100])
@pytest.mark.parametrize("seed", range(2))
def test_a_server_that_queues(slots: int, spread: float, seed: int) -> None:
    found = Simulation(slots, queues=True, spread=spread).run(6000, seed)
    mean = sum(found.settled) / len(found.settled)
    # it shrinks from twice the latency on; below the capacity slots would be empty
    assert 0.9 * slots <= mean <= 2.5 * slots
    assert found.used > 0.95


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_a_server_that_queues_more_than_a_few_is_not_flooded(spread: float) -> None:
    found = Simulation(4, queues=True, spread=spread).run(6000)
    assert (
        max(found.settled) < 128
    )  # it began with four times the capacity: its best is no idle one
    assert found.used > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_with_answers_of_very_different_lengths_nothing_starves(seed: int) -> None:
    assert Simulation(16, queues=True, spread=1.0).run(4000, seed).used > 0.9
    assert Simulation(100, queues=True, spread=1.0).run(4000, seed).used > 0.6


def test_a_server_without_limit_gets_the_ceiling_and_no_more() -> None:
    found = Simulation(10_000, queues=True, ceiling=64).run(2000)
    assert found.settled == [64] * len(found.settled)
    assert found.used > 0.9


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_longer_answers_are_no_congestion(spread: float) -> None:
    found = Simulation(10_000, queues=True, spread=spread, slower_at=8000).run(20_000)
    assert min(found.settled) >= 0.5 * 256
    assert found.settled[-1] == 256


def test_slow_start_doubles_each_round_trip() -> None:
    window, now, sizes = Window(256), 0.0, []
    for _ in range(4):
        sent = [window.send(now) for _ in range(window.size)]
        sizes.append(len(sent))
        now += 1.0
        for one in sent:
            window.answered(one, now, full=True)
    assert sizes == [START, 2 * START, 4 * START, 8 * START]


def test_congestion_halves_once_a_round_trip_and_then_adds_one() -> None:
    window = Window(256)
    sent = [window.send(0.0) for _ in range(16)]
    for one in sent:
        window.congested(one, 1.0)
    assert window.size == 8
    for _ in range(3):
        sent = [window.send(2.0) for _ in range(8)]
    for one in sent:
        window.answered(one, 3.0, full=True)
    assert window.size == 8  # 8.94: within a round trip one is added, not doubled
    window.answered(window.send(3.0), 4.0, full=True)
    assert window.size == 9
    for _ in range(9):
        window.congested(window.send(5.0), 6.0)
        window.congested(window.send(6.0), 6.0)
    assert window.size == 1


def test_a_window_that_is_not_used_does_not_grow() -> None:
    window = Window(256)
    for step in range(100):
        window.answered(window.send(step), step + 0.5, full=False)
    assert window.size == START


def test_a_pause_holds_all_new_requests() -> None:
    window = Window(256)
    window.pause(10.0)
    window.pause(5.0)
    assert (window.paused(9.9), window.paused(10.0), window.size) == (True, False, START)


def test_a_fixed_window_heeds_pauses_only() -> None:
    window = Window(40, fixed=True)
    for step in range(50):
        window.congested(window.send(step), step + 1)
        window.answered(window.send(step), step + 9, full=True)
    assert window.size == 40
    window.pause(100.0)
    assert window.paused(99.0)
