"""Attack nbgrader as it comes and this grader, and print a table: `python benchmarks/attacks.py`.

Attacks that would harm the machine are not run where there is no jail. Takes about twenty minutes;
`--quick` leaves out variations, and attacks not known to succeed with nbgrader.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from attacks import ATTACKS, VARIATIONS, Attack
from proving_ground import LESSON, grade, make_ground, violations

# These spoil the grading of all after them, so each has a class of its own.
SPOILERS = (
    "startup-code-for-the-next",
    "startup-files",
    "schema-from-the-future",
    "schema-from-the-past",
    "tests-twice",
    "nbgrader-metadata-is-text",
    "metadata-of-odd-types",
)


def attack(folder: Path, attacks: list[Attack], stock: bool) -> set[str]:
    """Grade a class with attacks in it.

    Args:
        folder: where; it does not exist yet.
        attacks: the attacks.
        stock: whether nbgrader grades as it comes, or this grader.

    Returns:
        The names of those that succeeded.
    """
    words = ("nbgrader", "autograde", LESSON, "--force") if stock else ("skiplab", "grade", LESSON)
    print(f"{len(attacks)} attacks on {words[0]} …", file=sys.stderr)
    ground = make_ground(folder, attacks, stock=stock)
    outcome = grade(ground, *words)
    # nbgrader shows every hidden test in the feedback, whatever a student does, and one attack on
    # the others is seen by all beside them: these count only for those that are out for them.
    unsure = ("read", "neighbour") if stock else ()
    return {
        its.name
        for student, its in ground.attacks.items()
        for kind in (line.split(":")[0] for line in violations(ground, outcome, student))
        if kind == its.stock or kind not in unsure
    }


def main() -> None:
    """Run the attacks, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer attacks: about seven minutes")
    quick = parser.parse_args().quick
    tried = [one for one in ATTACKS if one.safe and (one.stock or not quick)]
    alone = [one for one in tried if one.name in SPOILERS]
    together = [one for one in tried if one not in alone]
    with tempfile.TemporaryDirectory(prefix="skiplab-attacks-") as folder:
        root = Path(folder)
        there = attack(root / "together", together, stock=True)
        for one in alone:
            there |= attack(root / one.name, [one], stock=True)
        mine = [one for one in ATTACKS if not quick or one.name not in VARIATIONS]
        here = attack(root / "here", mine, stock=False)
    total = Counter(one.family for one in mine)
    run = Counter(one.family for one in tried)
    won = Counter(one.family for one in tried if one.name in there)
    lost = Counter(one.family for one in mine if one.name in here)
    print("| family | attacks | nbgrader as it comes: succeed | this grader: succeed |")
    print("| --- | ---: | ---: | ---: |")
    for family in total:
        print(
            f"| {family} | {total[family]} | {won[family]} of {run[family]} run | {lost[family]} |"
        )
    print(f"| all | {total.total()} | {won.total()} of {run.total()} run | {lost.total()} |")


if __name__ == "__main__":
    main()
