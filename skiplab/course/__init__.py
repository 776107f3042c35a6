"""The course as files: what is built from the sources, and the sample class of the demo."""
