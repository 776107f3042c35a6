"""The course, as nbgrader sees it: read by every `nbgrader …` and `skiplab …` command run here.

A course directory is any folder with this file and `source/`: this one, or a copy of the two.
"""

import os

c = get_config()  # noqa: F821 - given by whoever reads this file

# The exchange, where lessons are released to students and collected from them, is the site's
# business. This one line says where it lies (the folder must exist, and all may write to it):
# c.Exchange.root = "/srv/nbgrader/exchange"

c.CourseDirectory.course_id = "skiplab"
c.CourseDirectory.solution_directory = "solutions"

# Kernels inherit this. The networks here are so small that a second thread gains little; on a busy
# machine, two that wait for each other take ten times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How a notebook is run, to validate it and to grade it.
c.Execute.kernel_name = "python3"  # whatever a submission asks for
c.Execute.timeout = 60  # seconds for a cell; none that is graded needs more than a few
c.Execute.iopub_timeout = 60  # a busy machine may be slow to pass on what a cell has printed
c.Execute.startup_timeout = 120
c.Execute.shutdown_kernel = "immediate"  # nothing is lost, and it saves a second a notebook
c.Execute.extra_arguments = ["--log-level=ERROR"]  # it warns of talking over TCP, on this machine
c.Execute.skip_cells_with_tag = "skip-execution"  # cells that only demonstrate

# nbgrader's own list, and before it a look at the cells' metadata that keeps one damaged
# submission from stopping the grading of all.
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "skiplab.grading.intake.CheckSubmission",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# `nbgrader export` with nbgrader's columns, quoted, so that a comma in a name stays in its column.
c.ExportApp.plugin_class = "skiplab.grading.export.CsvExport"
