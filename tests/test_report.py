"""The report says in a line why a cell failed, and shows what students wrote as they wrote it."""

import csv
import datetime
import io

import pytest
from conftest import LESSONS, ROOT, graded
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from rich.console import Console

from skiplab.course.directory import Course, open_course
from skiplab.grading.export import CsvExport
from skiplab.grading.report import Row, Score, diagnose, print_table, write_page


def cell(name, source="", outputs=(), **kind):
    metadata = {"grade": False, "solution": False, "grade_id": name, **kind}
    return new_code_cell(source, metadata={"nbgrader": metadata}, outputs=list(outputs))


def error(ename, evalue):
    return new_output("error", ename=ename, evalue=evalue, traceback=[])


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (error("CheckFailed", "SkipNet7: no skip.\nseen: …"), "SkipNet7: no skip."),
        (error("CellTimeoutError", ""), "took too long and was stopped"),
        (error("KeyboardInterrupt", ""), "KeyboardInterrupt"),
        (error("RuntimeError", "a\nb"), "RuntimeError: a"),
        (error("NameError", "name 'nn' is not defined"), "NameError: name 'nn' is not defined"),
        (new_output("stream", name="stderr", text="\nbeware\nof"), "wrote to stderr: beware"),
        (new_output("stream", name="stdout", text="all well"), None),
    ],
)
def test_failure_of_a_graded_cell_is_told_in_a_line(output, said):
    notebook = new_notebook(cells=[cell("test", outputs=[output], grade=True)])
    assert diagnose(notebook) == ({"test": said} if said else {})


def test_a_long_line_is_cut_and_costs_no_time():
    for line in ("(" * 3_000_000, "x" * 3_000_000, "\n" * 3_000_000 + "y" * 900):
        notebook = new_notebook(cells=[cell("test", outputs=[error("Error", line)], grade=True)])
        assert len(diagnose(notebook)["test"]) <= 520


def test_cause_is_looked_for_in_the_answer():
    notebook = new_notebook(
        cells=[
            cell("a", "class A: …", [error("SyntaxError", "bad (42.py, line 3)")], solution=True),
            cell("b", "class B: …", [error("TypeError", "no")], solution=True),
            cell("test-a", "", [error("NameError", "name 'A' is not defined")], grade=True),
            cell("test-b", "", [error("NameError", "name 'B' is not defined")], grade=True),
            cell("test-c", "", [error("NameError", "name 'C' is not defined")], grade=True),
        ]
    )
    assert diagnose(notebook) == {
        "test-a": "its answer cell, a, stopped with SyntaxError: bad (line 3)",
        "test-b": "its answer cell, b, stopped with TypeError: no",
        "test-c": "NameError: name 'C' is not defined",
    }


HOSTILE = "<script>alert(1)</script> [bold]{{ 7 * 7 }}[/bold]"


def rows():
    scores = {name: Score(0, points) for name, points in graded(LESSONS[0]).items()}
    return [
        Row("a", None, scores, dict.fromkeys(scores, HOSTILE)),
        Row(HOSTILE, "no notebook"),
    ]


def test_page_shows_what_students_wrote_and_runs_none_of_it(tmp_path):
    course = Course(tmp_path, open_course(ROOT).config)
    (tmp_path / "source").symlink_to(ROOT / "source")
    text = write_page(course, LESSONS[0], rows()).read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt; [bold]{{ 7 * 7 }}[/bold]") == 2
    assert '<html lang="en">' in text
    assert text.count('scope="col"') == len(graded(LESSONS[0])) + 3
    assert text.count('scope="row"') == 2


@pytest.mark.parametrize("width", [80, 140])
def test_table_shows_what_students_wrote(width):
    file = io.StringIO()
    print_table(LESSONS[0], rows(), Console(file=file, width=width))
    text = file.getvalue()
    assert "[bold]{{" in text and "not graded: no notebook" in text


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_of_a_table_is_left_out_in_a_narrow_terminal(lesson):
    """Each student's name, each score and the total; long headings go on in the next line."""
    most = graded(lesson)
    scores = {name: Score(None if "explain" in name else 1, most[name]) for name in most}
    marked = sum("explain" not in name for name in most)
    file = io.StringIO()
    print_table(lesson, [Row("student-1234", None, scores)], Console(file=file, width=80))
    text = file.getvalue()
    assert "…" not in text and "total" in text and "of 20" in text
    *points, total = next(line for line in text.splitlines() if "student-1234" in line).split()[1:]
    assert points.count("1") == marked and total == str(marked)
    assert text.count("marked") == len(most) - marked


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_commas_and_quotes_stay_in_their_column(tmp_path):
    path = tmp_path / "grades.csv"
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("ps1", duedate=datetime.datetime(2027, 1, 1))
        gradebook.add_student("o'brien", last_name='O"Brien, the', first_name="Ann\nMary")
        gradebook.add_student("zoë", email="zoë@example.org")
        gradebook.add_submission("ps1", "zoë", timestamp=datetime.datetime(2026, 12, 31))
        CsvExport(to=str(path)).export(gradebook)
        with path.open(newline="", encoding="utf-8") as file:
            first, second = sorted(csv.DictReader(file), key=lambda row: row["student_id"])
        assert first["last_name"] == 'O"Brien, the' and first["first_name"] == "Ann\nMary"
        assert first["score"] == "0.0" and first["timestamp"] == ""
        assert second["student_id"] == "zoë" and second["timestamp"] == "2026-12-31 00:00:00"
        assert second["late_submission_penalty"] == "0.0"
        CsvExport(to=str(path), student=["zoë"], assignment=["ps1"]).export(gradebook)
        with path.open(newline="", encoding="utf-8") as file:
            assert [row["student_id"] for row in csv.DictReader(file)] == ["zoë"]
