"""`release/` and `solutions/` are what `source/` and the package make today, on any machine."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
import time

import nbformat
import pytest
from conftest import LESSONS, ROOT, make_small_course, notebook, run
from nbgrader.utils import is_solution

from skiplab.cli import main

NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?", re.IGNORECASE)
TOLERANCE = 0.05
"""Relative: what training a small network may differ by between processors."""
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
TRAINED = "training"
"""The tag of cells that train networks so long that processors come to other numbers: what such a
cell says is held by test_lesson_claims.py."""


def alike(one, other):
    """Whether two texts are equal but for numbers that are close."""
    if NUMBER.split(one) != NUMBER.split(other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=TOLERANCE, abs=1e-6) for a, b in pairs)


def outputs(cell):
    """What a cell shows: kind and text; of pictures, the text that stands for them."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield "stream", output.name, output.text
            continue
        for kind, data in sorted(output.get("data", {}).items()):
            if kind.startswith("image/"):
                data = output.metadata.get(kind, {}).get("alt", "")
            elif kind == "text/html":  # the same picture again: one pixel may differ, too
                data = PICTURE.sub("", data)
            yield output.output_type, kind, data


def differences(committed, built):
    """Where two notebooks differ in what matters, in words."""
    if committed.metadata != built.metadata:
        yield "metadata"
    if [cell.id for cell in committed.cells] != [cell.id for cell in built.cells]:
        yield "ids of cells"
        return
    for old, new in zip(committed.cells, built.cells, strict=True):
        for part in ("cell_type", "source", "metadata", "execution_count"):
            if old.get(part) != new.get(part):
                yield f"{part} of cell {old.id}"
        shown, wanted = list(outputs(old)), list(outputs(new))
        if [one[:2] for one in shown] != [one[:2] for one in wanted]:
            yield f"kinds of output of cell {old.id}"
        elif TRAINED in old.metadata.get("tags", []):
            if [bool(one[2]) for one in shown] != [bool(one[2]) for one in wanted]:
                yield f"output of cell {old.id}"
        elif not all(alike(a[2], b[2]) for a, b in zip(shown, wanted, strict=True)):
            yield f"output of cell {old.id}"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory, offline):
    """Release and solutions of all lessons, built from the sources just now, without network."""
    folder = tmp_path_factory.mktemp("rebuilt")
    # The machine may be busy: how long a cell takes is told, not tested, here.
    limit = ("--cell-seconds", "300")
    print(run("skiplab", "build", "--force", "--to", str(folder), *limit, **offline))
    return folder


@pytest.mark.parametrize("lesson", LESSONS)
def test_release_is_what_the_source_makes(lesson, rebuilt):
    path = f"release/{lesson}/{lesson}.ipynb"
    assert (ROOT / path).read_text() == (rebuilt / path).read_text(), "run `make build`"


@pytest.mark.parametrize("lesson", LESSONS)
def test_solution_is_what_the_source_makes(lesson, rebuilt):
    found = differences(notebook("solutions", lesson), notebook("solutions", lesson, rebuilt))
    assert list(found) == [], "run `make build`"


@pytest.mark.parametrize("lesson", LESSONS)
def test_rebuilt_solution_has_no_error_and_nothing_on_stderr(lesson, rebuilt):
    for cell in notebook("solutions", lesson, rebuilt).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id


@pytest.mark.parametrize("kind", ["release", "solutions"])
def test_nothing_else_is_built(kind, rebuilt):
    def files(root):
        return {str(path.relative_to(root)) for path in (root / kind).rglob("*") if path.is_file()}

    assert files(ROOT) == files(rebuilt)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_difference_would_be_found(lesson):
    solution = notebook("solutions", lesson)
    assert list(differences(solution, solution)) == []

    def after(change):
        changed = nbformat.from_dict(json.loads(json.dumps(solution)))
        change(changed.cells)
        return list(differences(solution, changed))

    def where(cells, kind):
        return next(
            (cell, output)
            for cell in cells
            for output in cell.get("outputs", [])
            if kind in (output.output_type, *output.get("data", {}))
        )

    def source(cells):
        cells[1].source += " "

    def order(cells):
        cells[0], cells[1] = cells[1], cells[0]

    def printed(cells):
        output = next(
            output
            for cell in cells
            for output in cell.get("outputs", [])
            if output.output_type == "stream" and NUMBER.search(output.text)
        )
        output.text = NUMBER.sub(lambda m: str(float(m[0]) * 1.2 + 1), output.text)

    def no_picture(cells):
        cell, output = where(cells, "image/png")
        cell.outputs.remove(output)

    def no_alt_text(cells):
        del where(cells, "image/png")[1].metadata["image/png"]["alt"]

    assert after(source) == [f"source of cell {solution.cells[1].id}"]
    assert after(order) == ["ids of cells"]
    assert "output of cell" in after(printed)[0]
    assert "kinds of output" in after(no_picture)[0]
    assert "output of cell" in after(no_alt_text)[0]


@pytest.mark.parametrize("lesson", LESSONS)
def test_release_gives_nothing_away(lesson):
    text = (ROOT / "release" / lesson / f"{lesson}.ipynb").read_text()
    for word in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
        assert word not in text
    released = notebook("release", lesson)
    assert [cell.id for cell in released.cells] == [c.id for c in notebook("source", lesson).cells]
    shown = {line.strip() for cell in released.cells for line in cell.source.splitlines()}
    hidden = set()
    for cell in notebook("source", lesson).cells:
        # A written answer is its sample answer and mark scheme, whole.
        inside = cell.cell_type == "markdown" and is_solution(cell)
        for line in cell.source.splitlines():
            if "BEGIN" in line:
                inside = True
            elif "END" in line:
                inside = False
            elif inside and len(line.strip()) > 12:  # a short line may well stand elsewhere
                hidden.add(line.strip())
    assert hidden
    assert not hidden & shown
    assert not any(cell.get("outputs") for cell in released.cells)


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("kind", ["source", "release", "solutions"])
def test_notebooks_carry_nothing_of_the_machine_that_made_them(kind, lesson):
    found = notebook(kind, lesson)
    assert found.metadata.kernelspec.name == "python3"
    assert set(found.metadata) <= {"kernelspec", "language_info", "skiplab"}
    assert "version" not in found.metadata.get("language_info", {})
    assert not any("execution" in cell.metadata for cell in found.cells)


# What builds what, and when: on a small lesson, to be quick.


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    course = make_small_course(tmp_path_factory.mktemp("small") / "course")
    build(course)
    return course


@pytest.fixture
def small(made_once, tmp_path):
    return shutil.copytree(made_once, tmp_path / "course")


def build(course, *arguments, status=0):
    """`skiplab build` in this process, which is quicker; what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        assert main(["build", "--course", str(course), *arguments]) == status, said.getvalue()
    return said.getvalue()


def change(course, text):
    source = course / "source" / "small" / "small.ipynb"
    made = nbformat.read(source, as_version=4)
    made.cells[-1].source = text
    nbformat.write(made, source)


def test_only_what_is_out_of_date_is_built(small):
    assert "up to date" in build(small)
    for path in small.rglob("*"):  # time stamps say nothing
        if path.is_file():
            path.touch()
    assert "up to date" in build(small)
    change(small, "print('changed', x)")
    said = build(small)
    assert "release built" in said and "solution built" in said
    assert "changed 42" in (small / "solutions" / "small" / "small.ipynb").read_text()
    (small / "release" / "small" / "small.ipynb").write_text("{")  # half written, by whatever
    said = build(small)
    assert "release built" in said and "solution built" not in said


def test_a_build_leaves_nothing_but_the_notebooks(small):
    assert {str(path.relative_to(small)) for path in small.rglob("*") if path.is_file()} == {
        "nbgrader_config.py",
        "source/small/small.ipynb",
        "release/small/small.ipynb",
        "solutions/small/small.ipynb",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys\nprint('oh', file=sys.stderr)", "wrote to stderr: oh"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_a_failing_cell_is_named_and_the_old_build_stays(small, text, said):
    old = (small / "solutions" / "small" / "small.ipynb").read_bytes()
    change(small, text)
    line = build(small, status=1).splitlines()[-1]
    assert "small.ipynb, cell demo: " in line and said in line
    assert (small / "solutions" / "small" / "small.ipynb").read_bytes() == old


def test_a_cell_that_takes_too_long_is_named(small):
    change(small, "import time\ntime.sleep(60)")
    said = build(small, "--cell-seconds", "1", status=1)
    assert "cell demo: took longer than 1 s" in said


def test_an_interrupted_build_leaves_the_old_one_and_the_next_goes_on(small):
    old = (small / "solutions" / "small" / "small.ipynb").read_bytes()
    change(small, "import time\nopen('started', 'w').close()\ntime.sleep(60)")
    command = [str(shutil.which("skiplab")), "build"]
    with subprocess.Popen(command, cwd=small, stderr=subprocess.PIPE, text=True) as process:
        while not (small / "source" / "small" / "started").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(2)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert "interrupted" in said and "Traceback" not in said
    assert (small / "solutions" / "small" / "small.ipynb").read_bytes() == old
    (small / "source" / "small" / "started").unlink()
    change(small, "print('after', x)")
    assert "solution built" in build(small)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "No lesson “nosuch” here; there are small."),
        (["--course", "nowhere"], "nowhere is not a course directory"),
    ],
)
def test_wrong_usage_is_told_in_a_line(small, arguments, said):
    printed = build(small, *arguments, status=2)
    assert said in printed
    assert len(printed.splitlines()) == 1


def test_the_rebuild_had_no_network(offline):
    for attempt in (
        "socket.create_connection(('192.0.2.1', 80), 1)",
        "socket.getaddrinfo('example.org', 80)",
        "__import__('urllib.request').request.urlopen('http://example.org')",
    ):
        said = run(sys.executable, "-c", f"import socket\n{attempt}", status=1, **offline)
        assert "the network is blocked" in said
    here = "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    run(sys.executable, "-c", f"import socket\n{here}", **offline)
