"""`python -m phosphene` is the same as `phosphene`."""

from phosphene.cli import main

if __name__ == "__main__":
    main()
