"""Exercises of lesson 2, `2_skip_connections`: two chains with one long skip."""

from skiplab.checks.chains import chain_exercise

LESSON = "2_skip_connections"
EXERCISES = (
    chain_exercise("SkipNet3", LESSON, 3, skip=True),
    chain_exercise(
        "SkipNet7", LESSON, 7, skip=True, rival=chain_exercise("NormalNet7", LESSON, 7, skip=False)
    ),
)
