"""`add --engine ray` on a real cluster of several processes: the same library as the local engine makes."""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

import phosphene
from adding import Kept, add_to, contents, lance
from command import lines, process, run
from mortal import LoadMortal
from parts import need
from phosphene.embedding import Embedder
from phosphene.errors import ClusterError
from phosphene.ingest import Added
from phosphene.ingest.on_ray import RayEngine
from phosphene.journal import Journal
from phosphene.sources import Item, ScanOptions
from phosphene.store import Store
from pictures import Colours, jpeg
from weaviate_server import KEY, Server

COUNT = 200  # pictures: several blocks
NUMBERS = count()
# What Ray says about settings of its own, and sockets of its processes that end with the session.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A cluster of two cores, which all tests of this module use. Yields the folder of its logs."""
    need("ray", find_spec("ray") is not None, "pip install 'phosphene[ray]'")
    import ray

    from phosphene.ingest.on_ray.cluster import connected

    tests = str(Path(__file__).parent)
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(Path(phosphene.__file__).parents[1]), tests, os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))  # where workers find `pictures` and `mortal`
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with connected(None):
            node = ray.nodes()[0]
            yield Path(node["ObjectStoreSocketName"]).parents[1] / "logs"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with captions, copies, damaged files, files of other kinds, and a tar."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(COUNT):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    (folder / "7.txt").write_text("a house\nthe house of a friend")
    (folder / "copy.jpg").write_bytes(jpeg(7))
    (folder / "damaged.jpg").write_bytes(jpeg(8)[:60])
    (folder / "film.mov").write_bytes(b"film")
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for number in range(COUNT, COUNT + 20):
            put(tar, f"{number}.jpg", jpeg(number))
        put(tar, f"{COUNT}.txt", b"a tree")
    return folder


def put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def add_by_ray(
    library: Path,
    *names: Path,
    load: Callable[[], Embedder] = Colours,
    open_store: Callable[[Path], Store] = lance,
    options: ScanOptions | None = None,
    workers: int | None = 2,
) -> Added:
    """Open the library in a folder, add, and close it."""
    library.mkdir(exist_ok=True)
    store, journal = open_store(library), Journal(library / "journal.sqlite")
    try:
        return RayEngine("auto", workers).add(
            names, load=load, store=store, journal=journal, options=options, commit_images=50
        )
    finally:
        journal.close()
        store.close()


@pytest.fixture
def alone(pictures: Path, tmp_path: Path) -> Path:
    """A library of the local engine."""
    add_to(tmp_path / "alone", pictures, pictures / "shard.tar", open_store=lance)
    return tmp_path / "alone"


@pytest.mark.usefixtures("cluster")
def test_a_library_is_the_same_as_that_of_the_local_engine(
    alone: Path, pictures: Path, tmp_path: Path
) -> None:
    options = ScanOptions()

    added = add_by_ray(tmp_path / "lib", pictures, pictures / "shard.tar", options=options)

    assert (added.added, added.unchanged, added.failed) == (COUNT + 20, 1, 1)
    assert options.left_out[".mov"] == 1
    assert contents(tmp_path / "lib", lance) == contents(alone, lance)

    (pictures / "9.txt").write_text("a new caption")
    again = add_by_ray(tmp_path / "lib", pictures, pictures / "shard.tar", load=nothing)

    assert (again.added, again.unchanged, again.failed) == (0, COUNT + 21, 1)
    add_to(alone, pictures, pictures / "shard.tar", open_store=lance)
    (pictures / "9.txt").unlink()
    assert contents(tmp_path / "lib", lance) == contents(alone, lance)


def nothing() -> Embedder:
    raise AssertionError("no model is needed for pictures that have not changed")


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    alone: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = LoadMortal(tmp_path / "killed")

    added = add_by_ray(tmp_path / "lib", pictures, pictures / "shard.tar", load=load)

    assert (tmp_path / "killed").exists()
    assert added.added == COUNT + 20
    assert contents(tmp_path / "lib", lance) == contents(alone, lance)
    assert capsys.readouterr().out == ""


def test_weaviate_gets_the_same_and_no_key_gets_into_the_logs(
    cluster: Path,
    alone: Path,
    pictures: Path,
    tmp_path: Path,
    weaviate: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", KEY)

    def in_weaviate(folder: Path) -> Store:
        return phosphene.open(url, space=Colours.space, create=True).store

    url = weaviate.url(f"Ray{next(NUMBERS)}")
    load = LoadMortal(tmp_path / "killed")

    added = add_by_ray(tmp_path / "lib", pictures, pictures / "shard.tar", load=load, open_store=in_weaviate)

    assert (tmp_path / "killed").exists()
    assert added.added == COUNT + 20
    assert contents(tmp_path / "lib", in_weaviate) == contents(alone, lance)
    logs = [path for path in cluster.rglob("*") if path.is_file()]
    assert len(logs) > 5
    assert not [path for path in logs if KEY.encode() in path.read_bytes()]


@pytest.mark.usefixtures("cluster")
def test_the_command_adds_by_ray(pictures: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib"

    [found] = lines("-L", library, "add", pictures, "--model", "landscape", "--engine", "ray", "--workers", 1)

    assert (found["added"], found["failed"], found["left_out"]) == (COUNT, 1, {".mov": 1, ".tar": 1})
    with phosphene.open(library) as opened:
        assert opened.status().imported == COUNT


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("name", "workers", "message"),
    [
        ("-", 1, "The standard input can be read only by this process."),
        (Kept, 1, "can be read only by this process"),
        (".", 99, "The cluster has no room for 99 workers: each takes one of its [0-9]+ cores."),
    ],
)
def test_what_ray_cannot_do_is_an_error(name: object, workers: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=message):
        add_by_ray(tmp_path / "lib", name, workers=workers)  # type: ignore[arg-type]


def test_an_item_that_only_this_process_can_open_is_an_error() -> None:
    from phosphene.ingest.arrow_batches import batch_of_items

    with pytest.raises(ClusterError, match="`toy:1` can be opened only by the process that has listed it"):
        batch_of_items([Item("toy:1", lambda: b"")])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_does_not_answer_is_an_error(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    words = ["-L", tmp_path / "lib", "add", tmp_path, "--model", "landscape"]

    ended = process(*words, "--engine", "ray", "--address", address)  # a process without a cluster of its own

    _, said = ended.communicate()
    assert ended.returncode == 1
    assert f"There is no Ray cluster at `{address}`" in said
    assert "hint: start one with `ray start --head`" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", 2], "--address and --workers need --engine ray."),
        (["--engine", "ray", "--prune"], "--prune is for the local engine."),
    ],
)
def test_options_that_do_not_fit_the_engine(words: list[object], message: str, tmp_path: Path) -> None:
    found = run("-L", tmp_path / "lib", "add", tmp_path, *words)

    assert found.exit_code == 2
    assert message in found.stderr
