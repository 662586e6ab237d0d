"""The app's own themes: dark and light, and the same two in colours that everyone tells apart.

The colour-blind pair is built on the Okabe–Ito palette: blue for good, orange for a warning,
vermilion for an error.
"""

from textual.theme import Theme

THEMES = (
    Theme(
        name="titletui-dark",
        primary="#7aa2f7",
        secondary="#9d7cd8",
        accent="#e0af68",
        foreground="#d5d9e8",
        background="#16171f",
        surface="#1c1e28",
        panel="#262936",
        success="#8fc678",
        warning="#e6b450",
        error="#f0717a",
        dark=True,
    ),
    Theme(
        name="titletui-light",
        primary="#2f5bb7",
        secondary="#6d47a8",
        accent="#8f5700",
        foreground="#23252e",
        background="#faf9f5",
        surface="#f1efe8",
        panel="#e3e0d6",
        success="#2f6f2f",
        warning="#8f5700",
        error="#b3262e",
        dark=False,
    ),
    Theme(
        name="titletui-dark-colour-blind",
        primary="#56b4e9",
        secondary="#cc79a7",
        accent="#f0e442",
        foreground="#e4e4e4",
        background="#14161a",
        surface="#1b1e24",
        panel="#272b33",
        success="#56b4e9",
        warning="#e69f00",
        error="#e8743b",
        dark=True,
    ),
    Theme(
        name="titletui-light-colour-blind",
        primary="#005a8f",
        secondary="#8f3f6d",
        accent="#7a5200",
        foreground="#202226",
        background="#fbfaf7",
        surface="#f0efea",
        panel="#e1e0da",
        success="#005a8f",
        warning="#7a5200",
        error="#a83c00",
        dark=False,
    ),
)
DEFAULT_THEME = THEMES[0].name
