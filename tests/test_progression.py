"""Who has done one lesson can do the next: it asks for nothing that it does not give."""

import builtins
import re
import symtable
from itertools import pairwise

import pytest
from conftest import LESSONS, notebook

from skiplab.checks.exercise import all_exercises

EXERCISES = all_exercises()


def names(source):
    """The names that a cell binds at its top level, and those it uses and does not bind inside."""
    bound, used = set(), set()

    def look(table):
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if top and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                bound.add(symbol.get_name())
            elif symbol.is_referenced() and (top or symbol.is_global()):
                used.add(symbol.get_name())
        for child in table.get_children():
            look(child)

    look(symtable.symtable(source, "cell", "exec"))
    return bound, used


def code(lesson, demonstrations):
    return [
        cell
        for cell in notebook("source", lesson).cells
        if cell.cell_type == "code"
        and (demonstrations or "skip-execution" not in cell.metadata.get("tags", []))
    ]


@pytest.mark.parametrize("demonstrations", [True, False], ids=["all", "graded"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_name_comes_from_this_lesson(lesson, demonstrations):
    """In the order of the cells; and what is graded needs no demonstration."""
    known = set(dir(builtins))
    for cell in code(lesson, demonstrations):
        bound, used = names(cell.source)
        known |= bound
        assert used <= known, f"{cell.id}: {sorted(used - known)}"


def test_a_name_from_elsewhere_would_be_found():
    bound, used = names("x = 1\ndef f(a):\n    b = a + x\n    return g(b) + SkipNet3")
    assert bound == {"x", "f"} and used == {"x", "g", "SkipNet3"}
    bound, used = names(
        "import torch\nfrom torch import nn\nrun = lambda d: Net(d)\n[k for k in d]"
    )
    assert bound == {"torch", "nn", "run"} and used == {"Net", "d"}


@pytest.mark.parametrize("answer", EXERCISES)
def test_an_exercise_needs_no_other_answer(answer, capsys):
    """With the lesson's setup and this one answer, all that is graded of it passes."""
    lesson = EXERCISES[answer].lesson
    cells = {cell.id: cell for cell in code(lesson, demonstrations=False)}
    graded = [cell for cell in cells.values() if cell.metadata.nbgrader.grade]
    own = [cell for cell in graded if cell.id.startswith(f"{answer}-")]
    assert own
    namespace = {}
    for cell in (cells["setup"], cells[answer], *own):
        exec(cell.source, namespace)
    assert "✗" not in capsys.readouterr().out


@pytest.mark.parametrize(("lesson", "following"), list(pairwise(LESSONS)))
def test_lessons_say_what_they_need_and_what_comes_next(lesson, following):
    number = int(following.split("_")[0])
    assert number == int(lesson.split("_")[0]) + 1
    last = notebook("source", lesson).cells[-1].source
    assert re.search(rf"\*\*Next\.\*\*.*Lesson {number}\b", last, re.S)
    needs = re.search(
        r"\*\*You need\*\*(.*?)\n\n", notebook("source", following).cells[0].source, re.S
    )
    asked = {int(found) for found in re.findall(r"lesson (\d)", needs[1])}
    assert asked == {number - 1}, "the lesson before, and none before that"


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_ends_with_what_you_can_do_and_where_to_read_on(lesson):
    last = notebook("source", lesson).cells[-1].source
    assert last.startswith("## What you can now do")
    reading = last.partition("**To read on**")[2]
    assert len(re.findall(r"^- ", reading, re.M)) >= 2
    for entry in re.split(r"^- ", reading, flags=re.M)[1:]:
        assert re.search(r"\*.+\*.*\b(19|20)\d\d\b", entry, re.S), f"title and year: {entry}"
    assert "](https://" in reading
