"""Walk from one query to another and print the nearest picture at every step.

python examples/walk.py LIBRARY "a house in the snow" "a boat on the sea"
"""

import sys

import phosphene


def main(library: str, start: str, end: str) -> None:
    """Take six steps along the great circle between the two vectors."""
    with phosphene.open(library) as opened:
        for stop in opened.walk(start, end, steps=6):
            if stop.hit:
                print(f"{stop.t:.2f}  {stop.hit.score:.3f}  {stop.hit.image.caption}")


if __name__ == "__main__":
    main(*sys.argv[1:])
