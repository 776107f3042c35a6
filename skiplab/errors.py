"""What the commands say when something cannot be done."""


class CourseError(Exception):
    """Something the person at the keyboard can put right; the message is one line."""

    status = 1


class UsageError(CourseError):
    """A command was used wrongly."""

    status = 2
