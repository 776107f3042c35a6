"""No attack gains a point, learns a secret, harms a neighbour, leaves a trace or stops the batch.

The whole class is graded once by `skiplab grade`, and part of it by plain `nbgrader autograde`;
the tests look at what came of it. `test_attacks_are_real.py` shows that the attacks work.
"""

import pytest
from attacks import ATTACKS, VARIATIONS
from proving_ground import FULL, LESSON, NOTHING, find_secrets, grade, make_ground, violations

TRIED = [attack for attack in ATTACKS if attack.name not in VARIATIONS]
SAMPLE = [attack for attack in TRIED if attack.sample]
COMMANDS = {
    "skiplab": (TRIED, ("skiplab", "grade", LESSON)),
    "nbgrader": (SAMPLE, ("nbgrader", "autograde", LESSON, "--force")),
}
CASES = [(name, attack.name) for name, (attacks, _) in COMMANDS.items() for attack in attacks]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class and the outcome, by command."""
    done = {}

    def once(name):
        if name not in done:
            attacks, words = COMMANDS[name]
            ground = make_ground(tmp_path_factory.mktemp(name) / "ground", attacks)
            done[name] = ground, grade(ground, *words)
        return done[name]

    return once


def test_there_are_enough_attacks_of_every_kind():
    assert len(TRIED) >= 45
    assert {attack.family for attack in TRIED} == {attack.family for attack in ATTACKS}
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len({attack.family for attack in SAMPLE}) >= 8


@pytest.mark.parametrize(("name", "attack"), CASES, ids=["-".join(case) for case in CASES])
def test_attack_fails(graded, name, attack):
    ground, outcome = graded(name)
    (student,) = (one for one, its in ground.attacks.items() if its.name == attack)
    assert violations(ground, outcome, student) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_others_have_what_they_deserve(graded, name):
    ground, outcome = graded(name)
    assert outcome.status in (0, 1), outcome.said[-3000:]  # 1: some could not be graded
    for student, points in [("a-wrong", NOTHING), *((one, FULL) for one in ground.honest)]:
        assert {cell: outcome.grades[student][cell] for cell in FULL} == points, student
    # Nobody new is in the class.
    assert outcome.grades.keys() <= {"a-wrong", *ground.honest, *ground.attacks}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_changed_that_grading_does_not_write(graded, name):
    assert graded(name)[1].changed == []


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_still_runs(graded, name):
    assert graded(name)[1].alive == []


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_has_called_out(graded, name):
    assert graded(name)[1].heard == []


@pytest.mark.parametrize("name", COMMANDS)
def test_no_secret_is_told_to_the_class(graded, name):
    ground, outcome = graded(name)
    assert find_secrets(ground, outcome.said) == []
    for path in sorted((ground.course / "report").rglob("*.*")):
        assert find_secrets(ground, path.read_text()) == [], path.name
