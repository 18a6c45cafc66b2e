"""A small tokenizer: byte-level pieces (BPE), learnt from captions, in lower case.

A word that no caption held is split into the pieces that it is made of, down to single bytes, and
never dropped. Saved as `tokenizer.json`, which open_clip (through transformers) reads too; read here
by the `tokenizers` library alone, which is there in milliseconds where transformers takes seconds.
Sennrich et al. 2016, "Neural machine translation of rare words with subword units".
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer as Pieces
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from phosphene.errors import ModelError
from phosphene.files import write_whole

PAD, START, END = "<pad>", "<start>", "<end>"  # ids 0, 1, 2
FILE = "tokenizer.json"


class Tokenizer:
    """Texts to ids: `tokenizer(texts)` is a LongTensor (n, context), as open_clip's tokenizers give."""

    def __init__(self, pieces: Pieces, context: int) -> None:
        self.pieces = pieces
        self.context = context
        self.pieces.no_truncation()
        self.pieces.no_padding()

    def __call__(self, texts: str | Sequence[str], context_length: int | None = None) -> torch.Tensor:
        """Ids (n, context_length), padded; of a longer text the first part, and its end mark."""
        context = context_length or self.context
        texts = [texts] if isinstance(texts, str) else list(texts)
        ids = torch.full((len(texts), context), self.pad, dtype=torch.long)
        for row, encoded in zip(ids, self.pieces.encode_batch(texts), strict=True):
            found = (
                encoded.ids if len(encoded.ids) <= context else [*encoded.ids[: context - 1], encoded.ids[-1]]
            )
            row[: len(found)] = torch.tensor(found)
        return ids

    @property
    def size(self) -> int:
        """How many entries there are."""
        return int(self.pieces.get_vocab_size())

    @property
    def pad(self) -> int:
        """The id that fills up short texts."""
        return self.pieces.encode(PAD, add_special_tokens=False).ids[0]

    def split(self, text: str) -> list[str]:
        """The pieces of a text, without the marks of start and end."""
        return list(self.pieces.encode(text, add_special_tokens=False).tokens)

    def dropping(self, share: float) -> "Tokenizer":
        """A copy that leaves out this share of merges at random, so that small pieces are learnt too.

        Provilkov et al. 2020, "BPE-dropout".
        """
        copy = Pieces.from_str(self.pieces.to_str())
        copy.model.dropout = share
        return Tokenizer(copy, self.context)

    @property
    def text(self) -> str:
        """All of it as JSON, from which `load` makes it again."""
        return str(self.pieces.to_str(pretty=True))

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and what transformers needs beside it."""
        write_whole(folder / FILE, self.text.encode())
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": PAD,
            "bos_token": START,
            "eos_token": END,
            "model_max_length": self.context,
            "clean_up_tokenization_spaces": False,
        }
        write_whole(folder / "tokenizer_config.json", json.dumps(config, indent=2).encode())


def learn(texts: Iterable[str], *, size: int = 2048, context: int = 64) -> Tokenizer:
    """The tokenizer of at most `size` entries that splits `texts` into the fewest pieces."""
    pieces = Pieces(models.BPE())
    pieces.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    marks = [(mark, pieces.token_to_id(mark)) for mark in (START, END)]
    pieces.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=marks)
    return Tokenizer(pieces, context)


def load(folder: Path, context: int) -> Tokenizer:
    """The tokenizer saved in a folder. Raises ModelError where there is none, or a damaged one."""
    path = folder / FILE
    try:
        return Tokenizer(Pieces.from_str(path.read_text(encoding="utf-8")), context)
    except Exception as error:  # the tokenizers library raises nothing more special
        raise ModelError(f"`{path}` is no tokenizer that can be read: {error}") from error
