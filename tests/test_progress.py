"""Long loops show progress, short ones nothing, and no trace is left behind."""

import os
import pty
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from skiplab import show_progress
from skiplab.course.build import join_words

LOOP = """
import time
from skiplab import show_progress
from skiplab.lesson.progress import print_line
for number in show_progress(range(4), "counting"):
    time.sleep({seconds})
    if number < 3:
        print_line(f"item {{number}}")
print("done")
"""
ITEMS = "item 0\nitem 1\nitem 2\ndone\n"


def in_terminal(code):
    """Run code on a terminal; what it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode().replace("\r\n", "\n")


def as_seen(written):
    """The screen after all carriage returns and cleared lines."""
    lines = []
    for line in written.split("\n"):
        lines.append(line.split("\x1b[K")[-1])
    return "\n".join(lines)


def test_a_terminal_shows_count_and_time_left_and_then_nothing():
    written = in_terminal(LOOP.format(seconds=0.7))
    assert re.search(r"counting: [123] of 4, about \d+ s left", written)
    assert as_seen(written) == ITEMS


def test_a_short_loop_shows_nothing():
    written = in_terminal(LOOP.format(seconds=0))
    assert "counting" not in written and as_seen(written) == ITEMS


def test_a_pipe_gets_the_lines_only():
    done = subprocess.run(
        [sys.executable, "-c", LOOP.format(seconds=0.4)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == (ITEMS, "")


class Watched(NotebookClient):
    """A notebook client that remembers each progress text it was sent."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "update_display_data":
            self.__dict__.setdefault("shown", []).append(msg["content"]["data"]["text/plain"])
        return super().process_message(msg, cell, cell_index)


def execute(code):
    """Run code as a notebook's only cell; its outputs, and each progress text that was sent."""
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(code)]
    client = Watched(book, kernel_name="python3", timeout=60)
    client.execute()
    return join_words(book.cells[0].outputs), client.__dict__.get("shown", [])


def in_notebook(seconds):
    outputs, shown = execute(LOOP.format(seconds=seconds))
    text = "".join(o.text for o in outputs if o.output_type == "stream")
    assert text == ITEMS and all(o.name == "stdout" for o in outputs if "name" in o)
    return [o.data for o in outputs if o.output_type != "stream"], shown


def test_a_notebook_shows_progress_and_keeps_the_same_output_fast_or_slow():
    slow, shown = in_notebook(0.7)
    assert re.fullmatch(r"counting: [123] of 4, about \d+ s left", shown[0]) and shown[-1] == ""
    fast, shown = in_notebook(0)
    assert shown == []
    assert slow == fast == [{"text/plain": ""}]


def test_a_loop_whose_prints_are_kept_aside_shows_nothing_in_a_notebook():
    redirected = f"""
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as kept:
    exec({LOOP.format(seconds=0.4)!r})
print(kept.getvalue(), end="")
"""
    outputs, shown = execute(redirected)
    assert [(o.output_type, o.get("text")) for o in outputs] == [("stream", ITEMS)]
    assert shown == []


def test_training_over_seeds_shows_progress_though_it_keeps_prints_aside():
    outputs, _ = execute(
        "import skiplab\n"
        "from skiplab.checks.exercise import all_exercises\n"
        "network = all_exercises()['normalnet3'].network()\n"
        "skiplab.train_over_seeds(network, 2, epochs=2, samples=10);"
    )
    assert [o.get("data") for o in outputs] == [{"text/plain": ""}]


def test_the_training_check_leaves_nothing_but_its_text():
    """Else the outputs of a grade cell would come in an order that depends on the machine."""
    outputs, shown = execute(
        "from skiplab.checks import check_training\n"
        "from skiplab.checks.exercise import all_exercises\n"
        "check_training(all_exercises()['skipnet7'].network(), 'skipnet7')"
    )
    assert [o.output_type for o in outputs] == ["stream"] and "✓" in outputs[0].text
    assert shown == []


def test_items_and_length_are_those_of_the_iterable():
    assert list(show_progress([3, 1, 2], "x")) == [3, 1, 2]
    assert list(show_progress((n for n in (5, 6)), "x", total=2)) == [5, 6]
    assert list(show_progress([], "x")) == []
    with pytest.raises(TypeError, match="total: got nothing, wanted the number of items"):
        show_progress((n for n in (5, 6)), "x")
