"""Exercises of lesson 3, `3_residual_blocks`: two blocks, and a network made of blocks."""

from skiplab.checks.blocks import block_exercise, net_exercise

LESSON = "3_residual_blocks"
EXERCISES = (
    block_exercise("ResidualBlock", LESSON, rezero=False),
    net_exercise("ResidualNet", LESSON),
    block_exercise("ReZeroBlock", LESSON, rezero=True),
)
