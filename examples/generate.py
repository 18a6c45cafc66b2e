"""Generate pictures from a prompt and the pictures nearest to it, and print what they were made from.

python examples/generate.py LIBRARY "a red house in the snow"
"""

import sys

import phosphene


def main(library: str, prompt: str) -> None:
    """Generate two pictures; they are stored in the library with their lineage."""
    with phosphene.open(library) as opened:
        for made in opened.generate(prompt, count=2, neighbours=4, seed=7):
            print(f"{made.score:.3f}  {opened.where(made.image)}")
            for parent in made.image.parents:
                print(f"       made from {parent.id} (similarity {parent.similarity:.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
