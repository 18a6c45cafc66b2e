"""Fields and captions are read from the files of cameras, of editors, and of other generators."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL.Image import Exif

from described import (
    GRAPH,
    INVOKEAI,
    LIGHTROOM,
    OLD_INVOKEAI,
    PARAMETERS,
    camera,
    comfy,
    iptc,
    jpeg,
    png,
    webp,
)
from phosphene.fields import NONE, Fields
from phosphene.metadata import Metadata, changed_fields, checked, in_picture, merged_fields, xmp
from phosphene.metadata.comfyui import read as read_graph
from phosphene.metadata.exif import camera_name, description
from phosphene.metadata.values import MAX_NAME, MAX_NAMES, MAX_TEXT, moment, names

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

TAKEN_AS = Fields(
    prompt="a lighthouse at dawn, <lora:sea:0.8>\nby an old master",
    negative="people, text\nugly",
    model="sd_xl_base_1.0",
    sampler="DPM++ 2M Karras",
    seed=965400086,
    steps=20,
    guidance=7.5,
)
COMMENT = 0x9286


def commented(content: bytes) -> Exif:
    exif = Exif()
    exif.get_ifd(0x8769)[COMMENT] = content
    return exif


# ── cameras and people ────────────────────────────────────────────────────────────────────────


def test_a_photograph_has_its_time_camera_place_and_rating() -> None:
    found = in_picture(jpeg(exif=camera()))

    assert found.fields == Fields(
        taken="2024-05-01T10:30:00Z",
        camera="Canon EOS R5",
        latitude=-33.8583333,
        longitude=151.21,
        rating=3,
    )
    assert found.captions == ("A château",)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_exif_is_read_in_every_format(format: str) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, format, exif=camera())

    assert in_picture(file.getvalue()).fields.taken == "2024-05-01T10:30:00Z"


def test_a_tiff_and_most_raw_files_are_exif_themselves() -> None:
    assert in_picture(camera().tobytes().removeprefix(b"Exif\0\0")) == in_picture(jpeg(exif=camera()))


def test_xmp_of_lightroom_is_read() -> None:
    found = in_picture(jpeg(xmp=LIGHTROOM))

    assert found.fields == Fields(
        taken="2024-07-05T14:30:00Z",
        camera="NIKON D850",
        place="Montmartre, Paris, France",
        latitude=48.8875,
        longitude=2.3431944,
        rating=4,
        keywords=("stairs", "été"),
    )
    assert found.captions == ("The stairs of Montmartre",)


def test_xmp_behind_the_pixels_of_a_png_is_read_and_no_pixel_is_decoded() -> None:
    content = png({"XML:com.adobe.xmp": LIGHTROOM.replace("\ufeff", "")}, at_the_end=True)
    spoiled = content.replace(b"IDAT", b"IDAT\xff", 1)

    assert in_picture(content).fields.rating == 4
    assert in_picture(spoiled[: len(content)]).fields == NONE  # the chunks do not fit any more


def test_iptc_of_an_agency_is_read() -> None:
    block = iptc(
        (25, "Brücke".encode()), (25, b"river"), (55, b"20240501"), (60, b"123000+0200"),
        (90, b"Bonn"), (101, b"Germany"), (120, b"A bridge over the Rhine"),
    )  # fmt: skip

    found = in_picture(jpeg(block=block))

    assert found.fields == Fields(
        taken="2024-05-01T10:30:00Z", place="Bonn, Germany", keywords=("Brücke", "river")
    )
    assert found.captions == ("A bridge over the Rhine",)


def test_the_blocks_of_one_file_are_merged() -> None:
    found = in_picture(jpeg(exif=camera(), xmp=LIGHTROOM, block=iptc((25, b"stairs"), (25, b"steps")))).fields

    assert found.camera == "Canon EOS R5"
    assert (found.latitude, found.longitude) == (-33.8583333, 151.21)
    assert found.keywords == ("stairs", "été", "steps")
    assert found.place == "Montmartre, Paris, France"


@pytest.mark.parametrize(
    ("maker", "model", "shown"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("OLYMPUS IMAGING CORP.  ", "E-M5", "OLYMPUS E-M5"),
        ("FUJIFILM", "X-T5\0", "FUJIFILM X-T5"),
        (None, "X100", "X100"),
        ("Leica Camera AG", None, "Leica Camera AG"),
        (7, ("a",), None),
        ("prompt:{}", "workflow:{}", None),
    ],
)
def test_a_camera_has_its_maker_once(maker: object, model: object, shown: str | None) -> None:
    assert camera_name(maker, model) == shown


@pytest.mark.parametrize(
    ("written", "offset", "time"),
    [
        ("2024:05:01 12:30:00", None, "2024-05-01T12:30:00Z"),
        ("2024:05:01 12:30:00\0", "-05:30", "2024-05-01T18:00:00Z"),
        ("2024-05-01T12:30:00.25Z", "+02:00", "2024-05-01T12:30:00Z"),
        ("2024-05-01T12:30+02:00", None, "2024-05-01T10:30:00Z"),
        ("2024-05", None, "2024-05-01T00:00:00Z"),
        ("2024", None, "2024-01-01T00:00:00Z"),
        ("2024:05:01 12:30:60", None, "2024-05-01T12:30:59Z"),
        ("2024:05:01 12:30:00", "+99:99", "2024-05-01T12:30:00Z"),
        ("0000:00:00 00:00:00", None, None),
        ("2024:02:30 12:30:00", None, None),
        ("9999-12-31T23:59:59-12:00", None, None),
        ("    :  :     :  :  ", None, None),
        (20240501, None, None),
    ],
)
def test_times_become_utc(written: object, offset: object, time: str | None) -> None:
    assert moment(written, offset) == time


@pytest.mark.parametrize(
    "written",
    ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "DCIM\\100MEDIA\\DJI_0001.JPG", "phosphene:{}", ""],
)
def test_what_cameras_and_we_write_is_no_description(written: str) -> None:
    assert description(written) is None


def test_a_device_without_a_signal_was_nowhere() -> None:
    assert checked({"latitude": 0.0, "longitude": 0}) == NONE
    assert checked({"latitude": 12.5}) == NONE
    assert checked({"latitude": 0.0, "longitude": 12.5}).longitude == 12.5


# ── generators ────────────────────────────────────────────────────────────────────────────────


def test_a_png_of_a1111_has_its_settings_and_its_prompt_as_caption() -> None:
    found = in_picture(png({"parameters": PARAMETERS}))

    assert found.fields == TAKEN_AS
    assert found.captions == ("a lighthouse at dawn, <lora:sea:0.8> by an old master",)


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_webp_of_a1111_has_them_in_its_comment(encoding: str) -> None:
    assert in_picture(webp(commented(b"UNICODE\0" + PARAMETERS.encode(encoding)))).fields == TAKEN_AS


def test_a_comment_that_is_none_of_a_generator_says_nothing() -> None:
    assert in_picture(webp(commented(b"ASCII\0\0\0Steps: many, and a long walk"))) == Metadata()


def test_a_prompt_alone_has_no_negative_prompt() -> None:
    found = in_picture(png({"parameters": "a cat\nSteps: 4, Sampler: Euler, CFG scale: 1, Seed: 1"})).fields

    assert (found.prompt, found.negative, found.model) == ("a cat", None, None)


BOTTLE = Fields(
    prompt="a glass bottle",
    negative="text, watermark",
    model="dreamy_v2",
    sampler="euler",
    seed=156680208700286,
    steps=20,
    guidance=8.0,
)


def test_a_png_of_comfyui_has_what_its_graph_says() -> None:
    found = in_picture(comfy())

    assert found == Metadata(BOTTLE, ("a glass bottle",))


def test_a_webp_of_comfyui_has_no_camera() -> None:
    exif = Exif()
    exif[0x0110], exif[0x010F] = f"prompt:{json.dumps(GRAPH)}", "workflow:{}"

    assert in_picture(webp(exif)).fields == BOTTLE


def test_the_first_of_two_samplers_counts() -> None:
    second = {**GRAPH["3"]["inputs"], "seed": 1, "steps": 5, "latent_image": ["3", 0]}  # type: ignore[dict-item]
    graph = {"1": {"class_type": "KSampler", "inputs": second}, **GRAPH}

    assert read_graph(json.dumps(graph)) == BOTTLE


def test_a_graph_of_flux_is_followed_through_its_guider() -> None:
    graph = {
        "13": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["25", 0], "guider": ["22", 0], "sampler": ["16", 0],
                "sigmas": ["17", 0], "latent_image": ["27", 0],
            },
        },
        "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 219670278747233}},
        "22": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0], "conditioning": ["26", 0]}},
        "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["30", 0], "clip": ["11", 0]}},
        "30": {"class_type": "PrimitiveString", "inputs": {"value": "an anime girl"}},
        "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "17": {"class_type": "BasicScheduler", "inputs": {"steps": 20, "model": ["12", 0]}},
        "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
        "11": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5xxl.safetensors"}},
        "27": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 64}},
    }  # fmt: skip

    assert read_graph(json.dumps(graph)) == Fields(
        prompt="an anime girl",
        model="flux1-dev",
        sampler="euler",
        seed=219670278747233,
        steps=20,
        guidance=3.5,
    )


def test_an_empty_negative_prompt_made_of_the_prompt_is_none() -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["7"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}

    assert read_graph(json.dumps(graph)).negative is None


def test_combined_prompts_and_control_nets_keep_their_sides() -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["3"]["inputs"] |= {"positive": ["20", 0], "negative": ["20", 1]}
    graph["20"] = {
        "class_type": "ControlNetApplyAdvanced",
        "inputs": {"positive": ["21", 0], "negative": ["7", 0], "control_net": ["4", 0], "strength": 1.0},
    }
    graph["21"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["22", 0]},
    }
    graph["22"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "in a cave", "clip": ["4", 1]}}

    found = read_graph(json.dumps(graph))

    assert (found.prompt, found.negative) == ("a glass bottle\nin a cave", "text, watermark")


def test_a_graph_may_have_cycles_and_links_to_nothing() -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["6"]["inputs"]["text"] = ["3", 0]
    graph["3"]["inputs"]["latent_image"] = ["8", 0]
    graph["7"]["inputs"]["text"] = ["99", 0]
    graph["4"]["inputs"]["ckpt_name"] = {"a": 1}

    found = read_graph(json.dumps(graph))

    assert (found.negative, found.model, found.steps) == (None, None, 20)


def test_a_graph_of_a_hundred_thousand_nodes_takes_no_time() -> None:
    chain: dict[str, Any] = {
        str(number): {
            "class_type": "KSampler",
            "inputs": {"positive": [str(number + 1), 0], "latent_image": [str(number + 1), 0]},
        }
        for number in range(12_000)
    }

    assert read_graph(json.dumps(chain)) == NONE


def test_a_png_of_invokeai_has_its_settings() -> None:
    assert in_picture(png({"invokeai_metadata": json.dumps(INVOKEAI)})).fields == Fields(
        prompt="a red kite",
        negative="blurry",
        model="Juggernaut XL v9",
        sampler="dpmpp_2m_sde_k",
        seed=356120443,
        steps=30,
        guidance=7.5,
    )


def test_invokeai_3_named_its_model_otherwise() -> None:
    metadata = {**INVOKEAI, "model": {"model_name": "amixx", "base_model": "sd-1"}}

    assert in_picture(png({"invokeai_metadata": json.dumps(metadata)})).fields.model == "amixx"


def test_invokeai_2_wrote_its_negative_prompt_in_brackets() -> None:
    found = in_picture(png({"sd-metadata": json.dumps(OLD_INVOKEAI)})).fields

    assert (found.prompt, found.negative) == ("a tower  in fog", "people")
    assert (found.model, found.sampler, found.seed) == ("stable-diffusion-1.5", "k_lms", 42)


def test_parameters_count_more_than_a_graph() -> None:
    both = png({"parameters": PARAMETERS, "prompt": json.dumps(GRAPH)})

    assert in_picture(both).fields == TAKEN_AS


# ── sidecars and sources ──────────────────────────────────────────────────────────────────────


def test_an_xmp_sidecar_is_read_like_the_block() -> None:
    assert xmp.read(LIGHTROOM.encode()) == in_picture(jpeg(xmp=LIGHTROOM))
    assert xmp.read(LIGHTROOM.encode("utf-16")).fields.rating == 4


def test_values_of_sources_are_checked_and_unknown_names_kept() -> None:
    found = checked(
        {
            "taken": "2024-05-01", "rating": 9, "seed": 2**80, "steps": True, "guidance": float("nan"),
            "camera": ["x"], "keywords": [1, "a", "a", None], "license": "CC0", "score": 0.5, "ok": True,
            "tags": ("t",), "labels": ["x", "y"], "deep": {"a": 1}, "nothing": None,
        }
    )  # fmt: skip

    assert found == Fields(
        taken="2024-05-01T00:00:00Z",
        keywords=("a",),
        tags=("t",),
        other=("license=CC0", "score=0.5", "ok=true", "labels=x", "labels=y"),
    )


def test_everything_is_bounded() -> None:
    found = checked(
        {
            "prompt": "x" * 10**6,
            "keywords": [f"{n}" * 999 for n in range(10**4)],
            **dict.fromkeys(map(str, range(9999)), 1),
        }
    )

    assert found.prompt is not None and len(found.prompt) == MAX_TEXT
    assert len(found.keywords) == len(found.other) == MAX_NAMES
    assert max(map(len, found.keywords)) <= MAX_NAME


def test_a_text_is_without_what_nobody_can_see() -> None:
    assert checked({"prompt": "a\0\x1b[31m\ud800 b\n c "}).prompt == "a[31m b\n c"
    assert names(" , a  b ;; ") == ("a b",)


# ── merging ───────────────────────────────────────────────────────────────────────────────────


def test_the_first_place_that_knows_a_value_counts_and_lists_are_joined() -> None:
    one = Fields(rating=1, keywords=("a",), latitude=1.0, longitude=2.0)
    two = Fields(rating=2, camera="C", keywords=("b", "a"), latitude=3.0, longitude=4.0)

    assert merged_fields([one, two]) == Fields(
        rating=1, camera="C", keywords=("a", "b"), latitude=1.0, longitude=2.0
    )
    assert merged_fields([]) == merged_fields([NONE, NONE]) == NONE


def test_what_files_did_not_give_stays() -> None:
    stored = Fields(rating=3, tags=("dog",), keywords=("a", "mine"), latitude=1.0, longitude=2.0)
    before, after = Fields(rating=3, keywords=("a",), latitude=1.0, longitude=5.0), Fields(keywords=("b",))

    assert changed_fields(stored, [before, Fields(rating=2)], [after]) == Fields(
        tags=("dog",), keywords=("b", "mine"), latitude=1.0, longitude=2.0
    )


# ── strangers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "packet",
    [
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<a" * 1000,
        "<a>" * 300_000,
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + "<r:Description>" * 30_000,
        LIGHTROOM + " " * (1 << 20),
    ],
    ids=["entities", "damaged", "deep", "descriptions", "large"],
)
def test_xmp_that_means_harm_says_nothing(packet: str) -> None:
    assert xmp.read(packet.encode()) == Metadata()
    assert xmp.read(packet.encode("utf-16")) == Metadata()


def test_nested_descriptions_are_read_once() -> None:
    inside = "<r:Description>" * 30_000 + "</r:Description>" * 30_000
    packet = f'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{inside}</r:RDF>'

    assert xmp.read(packet.encode()) == Metadata()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
VALUES = JSON | st.lists(st.sampled_from(["3", "4", "6", 0, 1]), min_size=2, max_size=2)


@given(
    changes=st.dictionaries(st.tuples(st.sampled_from(sorted(GRAPH)), st.text(max_size=9)), VALUES),
    names=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_graph_of_anything_is_read_without_an_error(
    changes: dict[tuple[str, str], Any], names: st.DataObject
) -> None:
    graph = json.loads(json.dumps(GRAPH))
    for (id, _), value in changes.items():
        key = names.draw(st.sampled_from([*graph[id]["inputs"], "text", "guider", "conditioning"]))
        graph[id]["inputs"][key] = value

    assert isinstance(read_graph(json.dumps(graph)), Fields)


@given(garbage=JSON, key=st.sampled_from(["invokeai_metadata", "sd-metadata", "prompt", "parameters"]))
@settings(max_examples=60, deadline=None)
def test_a_text_of_anything_is_read_without_an_error(garbage: object, key: str) -> None:
    old = json.dumps({**OLD_INVOKEAI, "image": garbage, "model": garbage, "positive_prompt": garbage})

    for text in (json.dumps(garbage), old, f"Steps: 1, {garbage}"):
        assert isinstance(in_picture(png({key: text})), Metadata)


@given(at=st.integers(0, 10_000), bytes_=st.binary(max_size=12))
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_without_an_error(at: int, bytes_: bytes) -> None:
    whole = jpeg(exif=camera(), xmp=LIGHTROOM, block=iptc((25, b"a"), (120, b"b")))
    at %= len(whole)

    assert isinstance(in_picture(whole[:at] + bytes_ + whole[at + len(bytes_) :]), Metadata)
    assert isinstance(in_picture(whole[:at]), Metadata)
