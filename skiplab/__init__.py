"""Lessons on skip connections, and the checks and grading behind them."""
