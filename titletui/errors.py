"""Errors whose message is meant for the user."""


class TitletuiError(Exception):
    """An error that the user can act on.

    `str(error)` is one sentence: what is wrong, with what, and what to do about it. The command
    line prints it and exits 1; a screen shows it unchanged.
    """


class UsageError(TitletuiError):
    """An invalid argument or value; the command line exits 2."""


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
