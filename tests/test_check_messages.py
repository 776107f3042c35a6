"""What a check says: kind to a stub, a line for each property, the mistake by name, no solution."""

import re

import pytest

from skiplab.checks import CheckFailed, check_training, check_wiring
from skiplab.checks.exercise import all_exercises
from skiplab.checks.judge import TRAINING, WIRING, wiring_lines

EXERCISES = all_exercises()


def failing(check, network, answer):
    with pytest.raises(CheckFailed) as failed:
        check(network, answer)
    return str(failed.value)


@pytest.mark.parametrize("answer", EXERCISES)
def test_stub_is_told_kindly(answer):
    exercise = EXERCISES[answer]
    stub = "def forward(self, X):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    message = failing(check_wiring, exercise.network(stub), answer)
    assert message.startswith(f"{exercise.name}.forward is not implemented yet.")
    assert "put your code" in " ".join(message.split())
    if exercise.rival:
        assert "not implemented" in failing(check_training, exercise.network(stub), answer)


@pytest.mark.parametrize("answer", EXERCISES)
def test_pass_prints_a_line_for_each_property(answer, capsys):
    check_wiring(EXERCISES[answer].network(), answer)
    shown = capsys.readouterr().out
    assert shown.count("✓") == len(wiring_lines(EXERCISES[answer])) and "✗" not in shown
    for fresh, said in ((1, "a new random challenge, too"), (2, "2 new random challenges, too")):
        check_wiring(EXERCISES[answer].network(), answer, fresh=fresh)
        assert said in capsys.readouterr().out


def test_training_prints_a_line_for_each_property(capsys):
    check_training(EXERCISES["skipnet7"].network(), "skipnet7")
    assert capsys.readouterr().out.count("✓") == len(TRAINING)


def test_failure_prints_what_holds_and_then_the_mistake(capsys):
    exercise = EXERCISES["skipnet7"]
    wrong = {wrong.name: wrong for wrong in exercise.misconceptions}["added-after-last-relu"]
    message = failing(check_wiring, exercise.network(wrong.forward), "skipnet7")
    shown = capsys.readouterr().out
    assert shown.count("✓") == list(WIRING).index("values") and shown.count("✗") == 1
    first, *rest = message.splitlines()
    assert first == "SkipNet7: the skip is added after the last ReLU, not before it."
    assert [line.split()[0] for line in rest if line[2] != " "] == [
        "fed",
        "expected",
        "seen",
        "where",
    ]
    assert max(map(len, rest)) <= 76, "no line is wider than a notebook"


@pytest.mark.parametrize("answer", EXERCISES)
def test_no_message_holds_the_solution(answer):
    """Neither a line of the right forward, nor anything that could be pasted to make one."""
    exercise = EXERCISES[answer]
    for wrong in exercise.misconceptions:
        for text in (wrong.mistake, wrong.look):
            assert not re.search(r"self\.relu\(|X \+|return self", text), wrong.name
            assert text[0].isalpha() and "  " not in text
        assert wrong.look.endswith((".", "?")) and not wrong.mistake.endswith(".")


def test_class_name_is_enough_for_a_student(capsys):
    check_wiring(EXERCISES["normalnet3"].network())
    assert "NormalNet3 wiring" in capsys.readouterr().out


def test_training_is_asked_only_where_an_exercise_trains():
    with pytest.raises(ValueError, match='answer: got "normalnet3", wanted'):
        check_training(EXERCISES["normalnet3"].network(), "normalnet3")


def test_notebook_shows_the_message_and_no_lines_of_the_package():
    error = CheckFailed("SkipNet7: no.\n  where     x")
    assert error._render_traceback_() == [
        "\x1b[0;31mCheckFailed\x1b[0m: SkipNet7: no.\n  where     x"
    ]
