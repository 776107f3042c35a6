"""A right answer passes, however it is written."""

import pytest
import torch
from right_answers import KINDS, right_answers
from torch import nn

from skiplab.checks import check_training, check_wiring
from skiplab.checks.exercise import all_exercises

EXERCISES = all_exercises()
CASES = {
    f"{answer}-{style}": (answer, source)
    for answer, exercise in EXERCISES.items()
    for style, source in right_answers(exercise).items()
}


def network(answer, source):
    namespace = {"torch": torch, "nn": nn}
    exec(source, namespace)
    return namespace[EXERCISES[answer].name]


def test_there_are_many_styles():
    assert min(len(right_answers(EXERCISES[answer])) for answer in KINDS) >= 40


@pytest.mark.parametrize("case", CASES)
def test_right_answer_passes(case, capfd):
    answer, source = CASES[case]
    check_wiring(network(answer, source), answer, seed=len(source))
    shown = capfd.readouterr()
    assert shown.err == "", "anything on stderr would cost all points"
    assert "✗" not in shown.out


@pytest.mark.parametrize(
    "style", ["prints", "loop", "sequential-in-init", "linear-by-hand", "sum-in-place-add"]
)
def test_right_answer_trains(style, capfd):
    check_training(network("skipnet7", right_answers(EXERCISES["skipnet7"])[style]), "skipnet7")
    assert capfd.readouterr().err == ""


def test_settings_of_the_student_do_not_matter():
    """Gradients off, another default type, a seed: what a cell above may have left behind."""
    answer = network("skipnet7", EXERCISES["skipnet7"].source())
    state = torch.random.get_rng_state()
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    try:
        check_wiring(answer, "skipnet7")
        check_training(answer, "skipnet7")
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.random.get_rng_state(), state), "a check draws from its own seeds"
