"""The attacks of `attacks.py` work where nbgrader grades as it comes.

So a grader that withstands them withstands something. Those that would harm the machine are not
run here.
"""

import pytest
from attacks import ATTACKS
from proving_ground import LESSON, grade, make_ground, violations

# One of each kind that does not differ to nbgrader; those that spoil it for all after them last.
NAMES = [
    "rebind-the-check",
    "solutions-by-path",
    "input-transformer",
    "send-drops-errors",
    "always-equal",
    "memorised-tests",
    "environment",
    "secrets-by-path",
    "gradebook",
    "neighbours-submission",
    "temporary-files",
    "daemon",
    "http",
    "tests-tagged-skip-execution",
    "notebook-is-a-link-to-the-source",
    "package-of-the-same-name",
    "forged-timestamp",
    "html-output",
    "startup-code-for-the-next",
    "schema-from-the-future",
]
BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    attacks = [BY_NAME[name] for name in NAMES]
    ground = make_ground(tmp_path_factory.mktemp("stock") / "ground", attacks, stock=True)
    return ground, grade(ground, "nbgrader", "autograde", LESSON, "--force")


@pytest.mark.parametrize("name", NAMES)
def test_attack_succeeds_with_nbgrader_as_it_comes(graded, name):
    ground, outcome = graded
    (student,) = (one for one, attack in ground.attacks.items() if attack.name == name)
    found = violations(ground, outcome, student)
    assert BY_NAME[name].stock in {line.split(":")[0] for line in found}, found
