"""Trains a CLIP on a few drawn scenes, kills and continues trainings, and refuses bad inputs."""

import io
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from command import run
from phosphene.embedding import open_embedder
from phosphene.errors import ModelError
from phosphene.interrupt import terminable
from phosphene.landscape.scenes import SEEDS, write
from phosphene.records import Failure
from phosphene.sources import Item, file_item, scan
from phosphene.training import clip
from phosphene.training.budget import Budget, checked, cosine, set_rate
from phosphene.training.clip_folder import new_or_loaded_model
from phosphene.training.contrastive import BATCH_SIZE, ContrastiveObjective, Others, contrast, jumble
from phosphene.training.curve import draw_curve
from phosphene.training.ema import ema_of
from phosphene.training.examples import Examples, mirrored, read, shifted
from phosphene.training.log import read_log
from phosphene.training.phrases import Phrasebook, PhraseLoss, phrases
from phosphene.training.run import FORMAT, Run, alone


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write(folder, SEEDS["training"][:40], size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, clip.Trained]:
    output = tmp_path_factory.mktemp("trained")
    return output, clip.train(scan([scenes]), output, steps=3)


def captioned(scenes: Path, caption: str) -> list[Item | Failure]:
    """The pictures, all with the same caption."""
    return [replace(item, captions=(caption,)) for item in scan([scenes]) if isinstance(item, Item)]


def test_a_trained_model_is_a_space(trained: tuple[Path, clip.Trained]) -> None:
    embedder = open_embedder(f"local-dir:{trained[0]}")
    assert embedder.space.dimension == 256
    assert embedder.texts(["a red house", "a boat"]).shape == (2, 256)


def test_a_training_leaves_a_log_and_a_curve(trained: tuple[Path, clip.Trained]) -> None:
    folder, result = trained
    log = read_log(folder / "training" / "log.jsonl")
    assert [line["step"] for line in log if "loss" in line] == [0, 1, 2]
    with Image.open(folder / "training" / "loss.png") as curve:
        assert curve.size == (720, 360)
    assert result.examples == 40
    assert result.recall.count == 2
    assert result.failures == ()


def test_the_same_call_again_trains_no_more(scenes: Path, trained: tuple[Path, clip.Trained]) -> None:
    folder = trained[0]
    before = (folder / "open_clip_model.safetensors").read_bytes()
    clip.train(scan([scenes]), folder, steps=3)
    assert (folder / "open_clip_model.safetensors").read_bytes() == before


def test_a_killed_training_is_continued(scenes: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom phosphene.sources import scan\n"
        "from phosphene.training import clip, run\n"
        "run.Run.__init__.__kwdefaults__['save_every'] = 0.0\n"
        "clip.train(scan([Path(sys.argv[1])]), Path(sys.argv[2]), steps=3)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(scenes), str(tmp_path)])
    checkpoint = tmp_path / "training" / "checkpoint.pt"
    while not checkpoint.exists() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "open_clip_config.json").exists()
    steps = torch.load(checkpoint, weights_only=True)["steps"]
    assert 0 < steps < 3
    clip.train(scan([scenes]), tmp_path, steps=3)
    assert torch.load(checkpoint, weights_only=True)["steps"] == 3
    assert open_embedder(f"local-dir:{tmp_path}").texts(["a red house"]).shape == (1, 256)
    log = read_log(tmp_path / "training" / "log.jsonl")
    assert [line["step"] for line in log if "loss" in line] == [0, 1, 2]


def test_a_training_continues_from_a_model(
    scenes: Path, trained: tuple[Path, clip.Trained], tmp_path: Path
) -> None:
    first = trained[0]
    clip.train(scan([scenes]), tmp_path, steps=2, start=first)
    assert (tmp_path / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    with np.load(tmp_path / "training" / "vectors.npz") as vectors:
        assert vectors["own"].shape == (38, 256)
    texts = [open_embedder(f"local-dir:{folder}").texts(["a red house"])[0] for folder in (first, tmp_path)]
    fresh = tmp_path / "fresh"
    clip.train(scan([scenes]), fresh, steps=1, seed=5)
    stranger = open_embedder(f"local-dir:{fresh}").texts(["a red house"])[0]
    assert texts[0] @ texts[1] > texts[0] @ stranger


def test_locked_pictures_keep_their_vectors(
    scenes: Path, trained: tuple[Path, clip.Trained], tmp_path: Path
) -> None:
    clip.train(scan([scenes]), tmp_path, steps=2, start=trained[0], locked=True)
    before, after = (open_embedder(f"local-dir:{folder}") for folder in (trained[0], tmp_path))
    with Image.open(next(scenes.glob("*.png"))) as opened:
        picture = before.prepare(opened)
    assert np.array_equal(before.pictures([picture]).vectors, after.pictures([picture]).vectors)
    assert not np.array_equal(before.texts(["a red house"]), after.texts(["a red house"]))


def test_half_of_a_batch_are_neighbours_of_the_other_half() -> None:
    examples = Examples(np.zeros((400, 64, 64, 3), dtype=np.uint8), [[f"{n}"] for n in range(400)])
    hard_negatives = (np.arange(400)[:, None] + np.array([1, 2])) % 400
    with ThreadPoolExecutor(1) as threads:
        model, splitter, _ = new_or_loaded_model(examples, None)
        book = Phrasebook(examples.captions)
        objective = ContrastiveObjective(
            model, splitter, splitter, examples, book, PhraseLoss(256, book.shares), hard_negatives, None,
            np.random.default_rng(0), threads,
        )  # fmt: skip
        chosen, alone = objective.chosen()
    first, rest = chosen[:alone], chosen[alone:]
    assert alone == BATCH_SIZE // 2
    assert len(set(chosen)) == len(chosen)
    assert all({(number - 1) % 400, (number - 2) % 400} & set(first) for number in rest)


def test_a_training_does_not_continue_from_a_folder_without_a_model(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model") as raised:
        clip.train(scan([scenes]), tmp_path / "out", steps=1, start=tmp_path)
    assert "train clip" in raised.value.hint


def practise(folder: Path, *, stop: int = 100) -> torch.Tensor:
    """Train a tiny layer to add until the step `stop`, and return its weights."""
    layer = torch.nn.Linear(4, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.AdamW(layer.parameters())
    parts: dict[str, Any] = {"layer": layer, "optimizer": optimizer, "ema": (ema := ema_of(layer))}
    run = Run(folder, parts, Budget(steps=30), save_every=0.0)
    for step in run:
        set_rate(optimizer, cosine(step.progress, peak=1e-2))
        numbers = torch.from_numpy(run.random.normal(size=(8, 4))).float() + 0.1 * torch.randn(8, 4)
        loss = (layer(numbers) - numbers.sum(dim=1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(layer)
        if step.number == stop:
            break
    return torch.cat([layer.weight, ema.module.state_dict()["weight"]]).detach()


def test_a_run_that_was_stopped_takes_the_steps_of_an_undisturbed_one(tmp_path: Path) -> None:
    practise(tmp_path / "stopped", stop=10)
    assert torch.equal(practise(tmp_path / "stopped"), practise(tmp_path / "undisturbed"))


def test_pictures_that_cannot_be_read_are_named(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    odd = [file_item(tmp_path / f"{name}.png", (name,)) for name in ("bad", "gone")]
    items = [*scan([scenes]), *odd]
    examples, failures = read(items, tmp_path / "kept")
    assert len(examples) == 40
    assert [Path(failure.uri).name for failure in failures] == ["bad.png", "gone.png"]
    assert all(failure.reason for failure in failures)


def test_pictures_are_read_once(scenes: Path, tmp_path: Path) -> None:
    read(scan([scenes]), tmp_path)
    counted: list[int] = []
    examples, _ = read(scan([scenes]), tmp_path, on_read=counted.append)
    assert counted == []
    assert examples.pictures.shape == (40, 64, 64, 3)
    assert all(texts[-1] == max(texts, key=len) for texts in examples.captions)


def test_pictures_that_were_read_before_an_interrupt_are_not_read_again(scenes: Path, tmp_path: Path) -> None:
    items, counted = list(scan([scenes])), list[int]()

    def interrupt(count: int) -> None:
        counted.append(count)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        read(items, tmp_path / "kept", on_read=interrupt)
    rest: list[int] = []
    examples, _ = read(items, tmp_path / "kept", on_read=rest.append)
    undisturbed, _ = read(items, tmp_path / "undisturbed")
    assert (counted, rest) == ([32], [40])
    assert np.array_equal(examples.pictures, undisturbed.pictures)
    assert np.array_equal(np.load(tmp_path / "kept" / "pictures.npy"), undisturbed.pictures)
    assert examples.captions == undisturbed.captions


@pytest.mark.parametrize("name", ["examples.json", "pictures.npy"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_pictures_whose_copy_is_damaged_are_read_again(
    name: str, share: float, scenes: Path, tmp_path: Path
) -> None:
    before, _ = read(scan([scenes]), tmp_path)
    whole = before.pictures.copy()
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    again, _ = read(scan([scenes]), tmp_path)
    assert np.array_equal(again.pictures, whole)


def test_a_disk_without_room_for_the_pictures_is_an_error_that_names_the_file(
    scenes: Path, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            read(scan([scenes]), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value.filename).endswith("pictures.npy")


def test_changed_captions_begin_anew_with_the_words_that_are_known(scenes: Path, tmp_path: Path) -> None:
    clip.train(scan([scenes]), tmp_path, steps=1)
    words = (tmp_path / "tokenizer.json").read_bytes()
    items = captioned(scenes, "quite another caption")[:30]
    told: list[str] = []
    clip.train(items, tmp_path, steps=2, on_note=told.append)
    assert (tmp_path / "tokenizer.json").read_bytes() == words
    assert "anew" in told[0]
    assert torch.load(tmp_path / "training" / "checkpoint.pt", weights_only=True)["steps"] == 2


@pytest.mark.parametrize("name", ["open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"])
def test_a_training_does_not_continue_from_a_damaged_model(
    name: str, scenes: Path, trained: tuple[Path, clip.Trained], tmp_path: Path
) -> None:
    start = shutil.copytree(trained[0], tmp_path / "start")
    (start / name).write_bytes((start / name).read_bytes()[:50])
    with pytest.raises(ModelError, match="start"):
        clip.train(scan([scenes]), tmp_path / "out", steps=1, start=start)


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_pictures_are_an_error_before_anything_is_written(
    count: int, scenes: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"needs 20 or more.*{count} of {count}") as caught:
        clip.train(list(scan([scenes]))[:count], tmp_path / "out", steps=1)
    assert "captions" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_pictures_without_captions_do_not_count(scenes: Path, tmp_path: Path) -> None:
    plain = captioned(scenes, " ")
    with pytest.raises(ModelError, match="0 of 0"):
        clip.train(plain, tmp_path, steps=1)


def test_the_smallest_number_of_pictures_is_enough_even_with_equal_captions(
    scenes: Path, tmp_path: Path
) -> None:
    items = captioned(scenes, "a landscape")[:20]
    trained = clip.train(items, tmp_path, steps=1)
    assert (trained.examples, trained.recall.count) == (20, 1)


NOT_AN_END: list[dict[str, float]] = [
    {}, {"minutes": 0}, {"steps": -1}, {"minutes": float("nan")}, {"minutes": float("inf")},
    {"minutes": 1e308}, {"steps": 10**30}, {"minutes": float("nan"), "steps": 5},
]  # fmt: skip


@pytest.mark.parametrize("budget", NOT_AN_END)
def test_a_training_without_an_end_is_an_error(budget: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="end"):
        clip.train([], tmp_path, **budget)  # type: ignore[arg-type]


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    part = torch.nn.Linear(2, 2)
    Run(tmp_path, {"part": part}, Budget(steps=1), {"width": 2}).save()
    with pytest.raises(ModelError, match="other settings"):
        Run(tmp_path, {"part": part}, Budget(steps=1), {"width": 3})


def checkpoint_of(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


DAMAGED = {
    "empty": b"",
    "text": b"PK nothing",
    "a list": checkpoint_of([1, 2]),
    "without parts": checkpoint_of({"format": FORMAT, "settings": {}, "dataset": "", "steps": 1}),
    "cut off": checkpoint_of({"settings": {}, "weights": torch.zeros(1000)})[:3000],
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"checkpoint\.pt` is damaged") as caught:
        Run(tmp_path, {"part": torch.nn.Linear(2, 2)}, Budget(steps=1))
    assert "delete it" in caught.value.hint


def test_a_checkpoint_is_never_run_as_code(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(checkpoint_of({"settings": Path("a class of no use here")}))
    with pytest.raises(ModelError, match="is damaged"):
        Run(tmp_path, {}, Budget(steps=1))


@pytest.mark.parametrize("stop", [0, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_the_step_end_and_keeps_a_checkpoint(
    number: signal.Signals, stop: int, tmp_path: Path
) -> None:
    module, ended = torch.nn.Linear(1, 1), False
    with terminable(), pytest.raises(KeyboardInterrupt):
        for step in Run(tmp_path, {"module": module}, Budget(steps=9)):
            ended = False
            if step.number == stop:
                signal.raise_signal(number)
                signal.raise_signal(number)  # a user who presses Ctrl-C again
            torch.nn.init.constant_(module.weight, step.number + 1)
            ended = True
    assert ended
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["steps"] == stop + 1
    assert state["parts"]["module"]["weight"].item() == stop + 1


def test_an_ignored_interrupt_does_not_end_a_training(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for jobs in the background
    try:
        for _ in (run := Run(tmp_path, {}, Budget(steps=3))):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.steps == 3


def test_two_trainings_never_share_a_folder(tmp_path: Path) -> None:
    another = pytest.raises(ModelError, match="Another process is training in")
    with alone(tmp_path / "run"), another, alone(tmp_path / "run"):
        pass
    with alone(tmp_path / "run"):
        pass


def test_a_checkpoint_of_another_version_is_named(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    Run(tmp_path, {"model": model}, Budget(steps=3)).save()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del state["format"]
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match="Another version of phosphene wrote") as caught:
        Run(tmp_path, {"model": model}, Budget(steps=3))
    assert str(tmp_path) in caught.value.hint


def test_an_average_has_the_statistics_of_batch_normalisation_too() -> None:
    module = torch.nn.BatchNorm1d(2)
    ema = ema_of(module, decay=0.9)
    for _ in range(3):
        module(torch.randn(8, 2) + 5)
        ema.update_parameters(module)
    average = ema.module.state_dict()
    assert average["running_mean"].min() > 0
    assert average["num_batches_tracked"] == 3


def test_another_dataset_begins_anew_from_the_weights(tmp_path: Path) -> None:
    model, told = torch.nn.Linear(2, 2), list[str]()
    for _ in Run(tmp_path, {"model": model, "ema": ema_of(model)}, Budget(steps=3), dataset="some"):
        pass
    fresh = torch.nn.Linear(2, 2)
    parts: dict[str, Any] = {"model": fresh, "ema": ema_of(fresh)}
    run = Run(tmp_path, parts, Budget(steps=3), dataset="others", on_note=told.append)
    assert torch.equal(fresh.weight, model.weight)
    assert (run.steps, run.seconds) == (0, 0.0)
    assert "anew" in told[0] and str(tmp_path) in told[0]


def test_a_loss_that_is_not_a_number_ends_a_training_before_the_weights_change() -> None:
    assert checked(1.5, 3) == 1.5
    for loss in (float("nan"), float("inf")):
        with pytest.raises(ModelError, match="loss of step 3"):
            checked(loss, 3)


def test_weights_that_are_not_numbers_do_not_replace_a_checkpoint(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    run = Run(tmp_path, {"module": module}, Budget(steps=9))
    run.save()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    torch.nn.init.constant_(module.weight, float("nan"))
    with pytest.raises(ModelError, match="`module` is not a finite number"):
        run.save()
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_steps_taken_again_after_a_kill_are_logged_once(tmp_path: Path) -> None:
    lines: list[dict[str, float]] = [
        {"step": 0, "loss": 3},
        {"step": 1, "loss": 2},
        {"resumed": 1},
        {"step": 1, "loss": 4},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"step": 2, "lo'
    (tmp_path / "log.jsonl").write_text(text)
    assert [line["loss"] for line in read_log(tmp_path / "log.jsonl")] == [3, 4]


def test_an_attempt_that_left_no_checkpoint_leaves_no_steps(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    for loss in (3.0, 2.0):  # the first one is killed before it saves
        run = Run(tmp_path, {"module": module}, Budget(steps=9))
        run.note(loss=loss)
    run.save()
    assert [line["loss"] for line in read_log(tmp_path / "log.jsonl")] == [2.0]
    with Image.open(tmp_path / "loss.png") as curve:
        assert curve.size == (720, 360)


def test_a_line_that_a_kill_cut_off_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 0, "loss": 3}\n{"step": 1, "lo')
    Run(tmp_path, {}, Budget(steps=9)).note(loss=2.0)
    assert [line["loss"] for line in read_log(tmp_path / "log.jsonl")] == [2.0]


def test_a_damaged_log_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = [
        b'{"step": 0, "loss": 3}', b"\xff\x00", b"[]", b'{"loss": 1}', b'{"step": "x", "loss": 1}',
        b'{"step": 1, "loss": NaN}', b'{"step": 2, "loss": "x"}', b"[" * 100_000, b'{"step": 1' + b"0" * 999,
        b'{"step": 3, "loss": 1e308}', b'{"step": 3, "loss": -1e308}', b'{"step": 4, "loss": 1}',
    ]  # fmt: skip
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    log = read_log(tmp_path / "log.jsonl")
    assert [line["step"] for line in log] == [0, 1, 2, 3, 3, 4]
    assert draw_curve(log).startswith(b"\x89PNG")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "points",
    [[], [(0, 1)], [(0, 1), (0, 2)], [(0, 1), (1, 1)], [(0, 1e30), (1, 1e30)], [(5, 1), (1, 2), (9, 3)]],
)
def test_a_curve_of_any_log_is_a_picture(points: list[tuple[float, float]]) -> None:
    log = [{"step": step, "loss": loss} for step, loss in points]
    assert draw_curve([*log, {"step": 3}, {"step": 3, "loss": float("nan")}]).startswith(b"\x89PNG")


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [cosine(share, 1.0, warmup=0.1, floor=0.01) for share in np.linspace(0, 1, 101)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 10
    assert rates[-1] == pytest.approx(0.01)


def test_an_average_follows_its_module() -> None:
    module = torch.nn.Linear(1, 1)
    ema = ema_of(module, decay=0.9)
    torch.nn.init.constant_(module.weight, 5.0)
    for _ in range(200):
        ema.update_parameters(module)
    assert ema.module.state_dict()["weight"].item() == pytest.approx(5.0, abs=1e-3)
    again = ema_of(torch.nn.Linear(1, 1))
    again.load_state_dict(ema.state_dict())
    assert int(again.n_averaged) == 200


def test_equal_captions_are_not_each_others_negatives() -> None:
    vectors = torch.eye(3)
    twice = torch.stack([vectors[0], vectors[0], vectors[1]])
    ids, scale, nothing = torch.tensor([[1], [1], [2]]), torch.tensor(50.0), torch.empty(0, 3)
    nobody = Others(nothing, nothing)
    assert contrast(twice, twice, ids, scale, nobody).item() < 1e-6
    assert contrast(twice, twice, torch.tensor([[1], [3], [2]]), scale, nobody).item() > 0.4


def test_texts_and_pictures_outside_of_pairs_are_negatives_for_both_sides() -> None:
    pairs, ids, scale, nothing = torch.eye(3), torch.arange(3)[:, None], torch.tensor(50.0), torch.empty(0, 3)
    for others in (
        Others(pairs[:1], nothing),
        Others(nothing, pairs[:1]),
    ):  # the same as the first pair
        assert contrast(pairs, pairs, ids, scale, others).item() == pytest.approx(np.log(2) / 6, abs=1e-3)


def test_phrases_are_words_and_pairs_that_stand_near() -> None:
    assert phrases("Two red houses.") == {"two", "red", "houses", "two red", "red houses", "two houses"}
    assert "red blue" not in phrases("a red house and a blue boat")


def test_a_phrasebook_knows_the_phrases_of_each_picture() -> None:
    book = Phrasebook([["a red house", "house"], ["a blue boat"], ["a red boat"]])
    assert "a" not in book.phrases  # all captions have it
    said = book.said(np.array([0, 2]))
    told = [{phrase for phrase, there in zip(book.phrases, row, strict=True) if there} for row in said]
    assert told[0] == {"house", "red house", "a house"}
    assert told[1] == {"red boat"}
    assert float(book.shares[book.phrases.index("house")]) == pytest.approx(1 / 3)


def test_the_phrase_loss_learns_to_read_phrases_out_of_vectors() -> None:
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(32, 16), dim=-1)
    said = (vectors[:, :3] > 0).float()
    phrase_loss = PhraseLoss(16, said.mean(0))
    optimizer, losses = torch.optim.Adam(phrase_loss.parameters(), 0.05), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = phrase_loss(vectors, said)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(3 * np.log(2), abs=0.2)  # the loss of predicting the shares
    assert losses[-1] < 0.3 * losses[0]


def test_a_jumbled_text_keeps_its_shape_and_loses_its_words() -> None:
    text = "two boats under a cloudless evening sky"
    jumbled = jumble(text, np.random.default_rng(0))
    assert [len(word) for word in jumbled.split()] == [len(word) for word in text.split()]
    assert sorted(jumbled) == sorted(text)
    assert "boats" not in jumbled


def test_moved_pictures_keep_their_colours() -> None:
    pictures = np.zeros((4, 16, 16, 3), np.uint8)
    pictures[:, 8, 8] = 255
    moved = shifted(pictures, np.random.default_rng(0))
    assert (moved == 255).all(axis=-1).sum(axis=(1, 2)).tolist() == [1, 1, 1, 1]
    assert not np.array_equal(moved, pictures)


def test_half_of_the_pictures_are_mirrored() -> None:
    pictures = np.arange(200 * 4 * 4 * 3, dtype=np.uint64).astype(np.uint8).reshape(200, 4, 4, 3)
    turned = mirrored(pictures, np.random.default_rng(0))
    same = [np.array_equal(*pair) for pair in zip(turned, pictures, strict=True)]
    flipped = [np.array_equal(*pair) for pair in zip(turned, pictures[:, :, ::-1], strict=True)]
    assert all(a != b for a, b in zip(same, flipped, strict=True))
    assert 70 < sum(flipped) < 130


def test_pictures_of_a_plugin_are_read(plugins: Path, tmp_path: Path) -> None:
    result = run("train", "clip", "toy:5", "-o", tmp_path / "clip")
    assert result.exit_code == 1
    assert "5 of 5 pictures with captions can be read" in " ".join(result.stderr.split())
