"""Measure what the models cost that could be the default one, with random weights, which cost the same.

    python bench/candidates.py [--model ViT-B-32-256 ...] [--runs 5] [--json FILE]

A search for new words is a process of its own, in a library of a few pictures. The models take turns, so
that a busy moment hits them alike, and the figures are medians. `CPU ms a picture` and `CPU ms a text` are
those of one core in a running process, without decoding. `peak memory` is that of the process of the search.
SigLIP2's tokenizer is made here, with 256,000 entries and 500,000 merges, about as many as the real one has.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import record
from tables import costs

from phosphene.catalogue.embedding_models import ROWS, EmbeddingModel
from phosphene.embedding.architectures import architecture
from phosphene.embedding.tags import TAGS
from phosphene.ingest.loop import BATCH

MODELS = ("ViT-B-32-256", "ViT-B-16", "PE-Core-S-16-384", "ViT-B-32-SigLIP2-256", "ViT-B-16-SigLIP2")
LETTERS, LONGEST = "etaoinsrhldc", 5  # all words of them: 271,452, of which 256,000 are taken
ENTRIES = 256_000
MARKS = ("<pad>", "<eos>", "<bos>", "<unk>")
ROUNDS = 1  # batches of which the CPU time is taken
TEXTS = 9


def main() -> None:
    arguments = _arguments()
    if arguments.step:
        make(*arguments.step[1:]) if arguments.step[0] == "make" else print(
            json.dumps(alone(arguments.step[1]))
        )
        return
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(arguments.model or MODELS, Path(temporary), arguments.runs)
    print(costs(figures))
    if arguments.json:
        record.write(arguments.json, figures)


def measure(names: Sequence[str], folder: Path, runs: int) -> dict[str, dict[str, Any]]:
    """The figures of each architecture. This process stays small, because a child begins with its memory."""
    for name in names:
        _step("make", name, str(folder))
    searches: dict[str, list[tuple[float, int]]] = {name: [] for name in names}
    for run, name in itertools.product(range(runs + 1), names):  # the first search of each does not count
        searches[name].append(searched(folder / f"{name}.lib", f"a boat, seen {run} times"))
    figures = {}
    for name in names:
        facts = published(name)
        figures[name] = {
            "COCO": facts.coco.text_to_image[0] if facts.coco else None,
            "licence": facts.licence,
            "download": facts.size,
            "search, CPU s": round(statistics.median(cpu for cpu, _ in searches[name][1:]), 2),
            "search, peak memory": round(statistics.median(memory for _, memory in searches[name][1:])),
            **json.loads(_step("alone", str(folder / name))),
        }
    return figures


def make(name: str, folder: str) -> None:
    """Write a model with random weights, and a library with a few pictures."""
    from add import draw

    import phosphene

    pictures = Path(folder, f"{name}-pictures")
    draw(pictures, 8)
    model = random_model(name, Path(folder, name))
    with phosphene.open(Path(folder, f"{name}.lib"), model=model, create=True) as library:
        library.add([pictures])


def random_model(name: str, folder: Path) -> str:
    """A folder of open_clip with random weights, and a tokenizer if the model has one of its own."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(0)
    weights = open_clip.create_model(name, load_weights=False).state_dict()
    save_file(
        {key: each.contiguous() for key, each in weights.items()}, folder / "open_clip_model.safetensors"
    )
    config, preprocess = (
        architecture(name),
        next(TAGS[tag].preprocess for tag in TAGS if tag.startswith(f"{name}/")),
    )
    card = {"model_cfg": config, "preprocess_cfg": dict(preprocess)}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    if config["text_cfg"].get("hf_tokenizer_name"):
        write_tokenizer(folder)
    return f"local-dir:{folder}"


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of Gemma's kind and size: each word of LETTERS is merged of its parts in two ways."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [
        "".join(word)
        for length in range(1, LONGEST + 1)
        for word in itertools.product(LETTERS, repeat=length)
    ]
    tokens = [*MARKS, *bytes_, "▁", *words][:ENTRIES]
    known = set(tokens)
    merges = [
        [token[:cut], token[cut:]]
        for token in tokens[len(MARKS) + len(bytes_) + 1 :]
        for cut in (1, 2)
        if cut < len(token) and token[cut:] in known
    ]
    model = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    content = {
        "version": "1.0",
        "added_tokens": [_mark(number, mark) for number, mark in enumerate(MARKS)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<eos>", "type_id": 0}},
            ],
            "pair": [],
            "special_tokens": {"<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]}},
        },
        "model": {**model, "vocab": {token: number for number, token in enumerate(tokens)}, "merges": merges},
    }
    (folder / "tokenizer.json").write_text(json.dumps(content))
    settings = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True}
    marks = {f"{mark.strip('<>')}_token": mark for mark in MARKS}
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, **marks, "padding_side": "right"}))


def _mark(number: int, mark: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": mark, "special": True, **flags}


def searched(library: Path, words: str) -> tuple[float, int]:
    """The CPU seconds and the peak memory in bytes of a search in a process of its own."""
    command = [sys.executable, "-m", "phosphene", "-L", str(library), "search", words]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"a search in {library} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def alone(folder: str) -> dict[str, float]:
    """The CPU milliseconds of a picture and of a text in this process."""
    from PIL import Image

    from phosphene.embedding import open_embedder
    from phosphene.ingest.worker import one_core_each

    embedder = open_embedder(f"local-dir:{folder}", device="cpu")
    batch = [embedder.prepare(Image.new("RGB", (640, 480), "grey"))] * BATCH
    with one_core_each(embedder) as begin:
        begin()
        embedder.pictures(batch)
        started = time.process_time()
        for _ in range(ROUNDS):
            embedder.pictures(batch)
        pictures = time.process_time() - started
    embedder.texts(["a boat"])
    started = time.process_time()
    for number in range(TEXTS):
        embedder.texts([f"a boat, seen {number} times"])
    texts = time.process_time() - started
    return {
        "CPU ms a picture": round(1000 * pictures / (ROUNDS * BATCH), 1),
        "CPU ms a text": round(1000 * texts / TEXTS, 1),
    }


def published(name: str) -> EmbeddingModel:
    """The facts about the first listed model of an architecture."""
    return next(facts for facts in ROWS if facts.name.startswith(f"{name}/"))


def _step(*words: str) -> str:
    """Run a step of this script in a process of its own, and return what it prints."""
    command = [sys.executable, __file__, "--step", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="an architecture of open_clip; can be repeated")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
