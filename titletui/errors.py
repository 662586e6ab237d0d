"""What is said to a person when something cannot be done."""


class TitletuiError(Exception):
    """Something that a person can mend.

    `str(error)` is one sentence: what is wrong, with what, and what to do about it. The command
    line prints it and exits 1; a screen shows it as it is.
    """


class UsageError(TitletuiError):
    """A value that was asked for in a wrong way; the command line exits 2."""


def first_line(error: BaseException) -> str:
    """What an error of another library says first, short enough to stand in a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
