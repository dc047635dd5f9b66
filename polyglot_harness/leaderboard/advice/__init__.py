"""Advice from what a board knows: which teacher, how surely, what to measure next."""

from polyglot_harness.leaderboard.advice.advise import advise
from polyglot_harness.leaderboard.advice.knowledge import By, Known, read_known
from polyglot_harness.leaderboard.advice.record import Advice, Advised
from polyglot_harness.leaderboard.advice.wanted import Filters
from polyglot_harness.leaderboard.advice.worth import run_command

__all__ = ["Advice", "Advised", "By", "Filters", "Known", "advise", "read_known", "run_command"]
