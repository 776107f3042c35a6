"""Exercises of lesson 1, `1_vanishing_gradients`: two plain chains."""

from skiplab.checks.chains import chain_exercise

LESSON = "1_vanishing_gradients"
EXERCISES = tuple(
    chain_exercise(f"NormalNet{depth}", LESSON, depth, skip=False) for depth in (3, 7)
)
