"""The colour of a job's state."""

from titletui.jobs.job import State


def state_style(state: State) -> str:
    """Return the style of the glyph that stands for `state`."""
    if state in (State.FAILED, State.UNREADABLE):
        return "$error"
    if state is State.INTERRUPTED:
        return "$warning"
    if state.alive:
        return "$success"
    return "$foreground 60%"
