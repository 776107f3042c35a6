"""Predict, run, explain: the prediction, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable

from skiplab.lesson import arguments


def compare_prediction(prediction: str, measured: str, choices: Iterable[str]) -> None:
    """Print a prediction beside what was measured. A wrong one is as good a start as a right one.

    Args:
        prediction: one of the choices.
        measured: one of the choices: what the experiment showed.
        choices: what there was to choose from.

    Raises:
        ValueError: the prediction is none of the choices.
    """
    arguments.one_of("prediction", prediction, tuple(choices))
    verdict = "as you predicted" if prediction == measured else f"you predicted {prediction}"
    print(f"Measured: {measured}, {verdict}.")
