"""English words that say nothing about what a title is about."""

_WRITTEN = """
    a about above after against all along also although among an and any are as at be because
    been before being below between both but by can cannot could did do does doing down during
    each every few for from further had has have having he her here hers him his how i if in
    into is it its it's itself just less many may me might more most much must my near need new
    no nor not now of off on once one only onto or other our out over own per same she should
    since so some still such than that the their them then there these they this those through
    thus to too toward towards two under until up upon us use used using very via was we were
    what when where whether which while who whom whose why will with within without would yet
    you your
"""
STOP_WORDS = frozenset(_WRITTEN.split())
