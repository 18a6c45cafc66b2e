"""The tables of `docs/benchmarks.md` and the CLIP's card on quality, written from `runs/quality.json`."""

from collections.abc import Mapping
from typing import Any

from runs import Run, shares, table

KINDS = {
    "time": "time of day",
    "land": "land",
    "sky": "sun and moon",
    "style": "style",
    "weather": "weather",
    "mountains": "mountains",
    "object": "things",
    "count": "counts",
    "colour": "colours",
    "birds": "birds",
}


def retrieval(run: Run) -> str:
    """How well a search finds pictures."""
    found = run.figures["retrieval"]
    prompts, unseen = found["prompts"], found["unseen"]
    rows = [
        (
            f"The fullest caption of a scene finds its own picture first among {found['pairs']:,} (R@1).",
            found["r1"],
        ),
        ("It finds its picture among the first ten (R@10).", found["r10"]),
        (f"The top hit among {found['pool']:,} shows what a caption names.", found["attributes_at_1"]),
        (_written(prompts, "by hand"), prompts["attributes_at_1"]),
        (_written(unseen, "by somebody who had seen no caption"), unseen["attributes_at_1"]),
    ]
    return table(("what", "share"), [(text, f"{share:.3f}") for text, share in rows])


def relevance(run: Run) -> str:
    """How well `--cut auto` knows whether something is there."""
    found = run.figures
    cut, unseen, flat = (found[name] for name in ("prompts", "unseen", "threshold"))
    rows = [
        ("Prompts about landscapes that are answered", cut["recall"], flat["recall"]),
        ("Answered prompts that are about landscapes", cut["precision"], "-"),
        ("Prompts about other topics that come back empty", cut["others_empty"], flat["others_empty"]),
        ("Such prompts that were written when all constants were chosen", unseen["others_empty"], "-"),
        *(
            (f"Prompts about other lands that come back empty: only {lands}", part["others_empty"], "-")
            for lands, part in found["parts"].items()
        ),
    ]
    told = [(text, *(one if one == "-" else f"{one:.3f}" for one in shares)) for text, *shares in rows]
    return table(("share", "`--cut auto`", "best flat threshold"), told)


def reliability(run: Run) -> str:
    """How many hits of about the same relevance show at least half of what their prompt names."""
    bins = run.figures["reliability"]
    return table(
        ("relevance", *(f"{each['relevance']:.2f}" for each in bins)),
        [("show at least half", *(f"{each['right']:.2f}" for each in bins))],
    )


def _written(prompts: Mapping[str, Any], by: str) -> str:
    possible = f"{prompts['possible']:.3f}"
    return f"It shows what {prompts['prompts']} prompts name that were written {by} ({possible} is possible)."


def retrieval_by_kind(run: Run) -> str:
    """The third row of that table for each kind of attribute."""
    shares = run.figures["retrieval"]["attributes_at_1_by_kind"]
    return table(list(KINDS.values()), [[f"{shares[kind]:.2f}" for kind in KINDS]])


def scores(run: Run) -> str:
    """How the top scores of prompts about landscapes and about something else differ."""
    found = run.figures["retrieval"]
    middle = found["scores"]["quantiles"].index(0.5)
    here, there = (found["scores"][name][middle] for name in ("landscapes", "elsewhere"))
    return (
        f"The median of the best scores among {found['pool']:,} pictures is {here:.2f} for prompts about\n"
        f"landscapes and {there:.2f} for prompts about something else. In a pair of two such prompts, the\n"
        f"one about a landscape scores higher in {100 * found['scores']['told_apart']:.0f} % of all cases."
    )


def generation(run: Run) -> str:
    """How much of their captions generated pictures show, by the judge."""
    made = run.figures["generation"]
    unseen = made["unseen"]
    return table(
        ("pictures", "from the text alone", "from text and neighbours", "95 % interval of the difference"),
        [
            (f"{made['captions']} captions", *_judged(made)),
            (f"{unseen['captions']} prompts by somebody who had seen no caption", *_judged(unseen)),
        ],
    )


def _judged(made: Mapping[str, Any]) -> list[str]:
    gain = " to ".join(f"{bound:.3f}" for bound in made["gain"])
    return [*shares(made, "judge_on_text", "judge_on_text_and_neighbours"), gain]


def real(run: Run) -> str:
    """How much the judge finds in drawn pictures."""
    made = run.figures["generation"]
    return (
        f"Of what the captions name, the judge finds {made['judge_on_real']:.3f} in the scenes' own drawn\n"
        f"pictures and {made['judge_on_nearest']:.3f} in the nearest other picture of the library."
    )


def generation_by_kind(run: Run) -> str:
    """The same for each kind of attribute."""
    kinds = run.figures["generation"]["by_kind"]
    ways = ("text", "text_and_neighbours", "nearest", "real")
    rows = [
        (title, kinds[kind]["named"], *(f"{kinds[kind][way]:.2f}" for way in ways))
        for kind, title in KINDS.items()
    ]
    return table(
        ("what", "named", "from the text", "from text and neighbours", "nearest", "own picture"), rows
    )


def left_open(run: Run) -> str:
    """How often a picture shows what most neighbours show, if the caption does not say."""
    made = run.figures["generation"]
    text, near = (made["left_open"][way] for way in ("text", "text_and_neighbours"))
    rows = [
        (KINDS[kind], f"{text[kind]:.2f}", f"{near[kind]:.2f}")
        for kind in ("time", "land", "weather", "style")
    ]
    layout = [f"{made['layout'][way]:.2f}" for way in ("text", "text_and_neighbours")]
    return table(
        ("what the caption leaves open", "from the text", "from text and neighbours"),
        [*rows, ("layout (correlation of coarse pictures)", *layout)],
    )


def copies(run: Run) -> str:
    """How many pictures are near-copies."""
    made = run.figures["generation"]
    trained, pool = (round(made[name] * made["captions"]) for name in ("near_copies", "near_copies_of_pool"))
    return table(
        (f"near-copies among the {made['captions']} pictures", "count"),
        [
            (f"of one of {made['trained']:,} training pictures, evenly chosen from all", trained),
            (f"of one of the {made['pool']:,} pictures among which the neighbours were found", pool),
        ],
    )
