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

# How `nbgrader validate` runs a notebook.
c.Execute.kernel_name = "python3"  # whatever a submission asks for
c.Execute.timeout = 60  # seconds for a cell; none that is graded needs more than a few
c.Execute.iopub_timeout = 60  # a busy machine may be slow to pass on what a cell has printed
c.Execute.startup_timeout = 120
c.Execute.shutdown_kernel = "immediate"  # nothing is lost, and it saves a second a notebook
c.Execute.extra_arguments = ["--log-level=ERROR"]  # it warns of talking over TCP, on this machine
c.Execute.skip_cells_with_tag = "skip-execution"  # cells that only demonstrate

# Grading: a submission is rebuilt from the lesson and the text of its answers, the student's code
# runs in a jail, and the grade cells run outside of it (docs/trust.md).
c.Autograde.exporter_class = "skiplab.grading.plugins.GradingExporter"
c.Autograde.sanitize_preprocessors = [
    "skiplab.grading.plugins.Rebuild",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [  # nbgrader's own list, with RunInJail for its Execute
    "skiplab.grading.plugins.RunInJail",
    "nbgrader.preprocessors.IgnorePattern",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# What a submission may use; more of these in docs/trust.md.
c.RunInJail.cell_seconds = 60
c.RunInJail.memory_mb = 2048

# Whether a submission is late is decided by when it arrived at the exchange.
c.ExchangeFactory.collect = "skiplab.grading.received.Collect"

# Feedback shows the checks' messages, never a hidden test; pages run nothing a student wrote.
c.GenerateFeedback.exporter_class = "skiplab.grading.plugins.FeedbackExporter"  # a faster one
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
c.HTMLExporter.preprocessors = ["skiplab.grading.plugins.NoScripts"]

# `nbgrader export` with nbgrader's columns, quoted, so that a comma in a name stays in its column.
c.ExportApp.plugin_class = "skiplab.grading.export.CsvExport"
