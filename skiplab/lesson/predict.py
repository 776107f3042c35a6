"""Predict, run, explain: the prediction, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable


def compare_prediction(prediction: object, measured: str, choices: Iterable[str]) -> None:
    """Print a prediction beside what was measured. A wrong one is as good a start as a right one.

    Args:
        prediction: one of the choices, in any spelling of upper and lower case. Anything else is
            said to be none; an experiment that has run should not end in an error for that.
        measured: one of the choices: what the experiment showed.
        choices: what there was to choose from.
    """
    offered = {choice.lower(): choice for choice in choices}
    predicted = offered.get(str(prediction).strip().lower())
    if predicted is None:
        known = ", ".join(f'"{choice}"' for choice in offered.values())
        verdict = f"and your prediction, {prediction!r}, is none of {known}"
    else:
        verdict = "as you predicted" if predicted == measured else f"you predicted {predicted}"
    print(f"Measured: {measured}, {verdict}.")
