"""`python -m titletui` is the `titletui` command."""

from titletui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
