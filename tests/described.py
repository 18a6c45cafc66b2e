"""Picture files with metadata, as the programs write them, and the texts of these programs."""

import io
import json
import struct
from collections.abc import Mapping

from PIL import Image as Pillow
from PIL import PngImagePlugin
from PIL.Image import Exif

PARAMETERS = """a lighthouse at dawn, <lora:sea:0.8>
by an old master
Negative prompt: people, text
ugly
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 965400086, Size: 512x512, Model hash: 45dee52b, \
Model: sd_xl_base_1.0, Lora hashes: "sea: 1234, other: \\"x\\"", Version: v1.10.1"""

GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl\\dreamy_v2.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a glass bottle", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
}

INVOKEAI = {
    "app_version": "5.6.0",
    "generation_mode": "sdxl_txt2img",
    "positive_prompt": "a red kite",
    "negative_prompt": "blurry",
    "seed": 356120443,
    "cfg_scale": 7.5,
    "steps": 30,
    "scheduler": "dpmpp_2m_sde_k",
    "model": {"key": "1f", "name": "Juggernaut XL v9", "base": "sdxl", "type": "main"},
}

OLD_INVOKEAI = {
    "model": "stable diffusion",
    "model_weights": "stable-diffusion-1.5",
    "app_id": "invoke-ai/InvokeAI",
    "app_version": "2.3.0",
    "image": {
        "prompt": [{"prompt": "a tower [people] in fog", "weight": 1.0}],
        "steps": 50,
        "cfg_scale": 7.5,
        "seed": 42,
        "sampler": "k_lms",
        "width": 512,
        "height": 512,
    },
}

LIGHTROOM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  xmp:Rating="4" xmp:CreateDate="2024-07-05T16:30:00+02:00" photoshop:City="Paris" photoshop:Country="France"
  Iptc4xmpCore:Location="Montmartre" exif:GPSLatitude="48,53.25N" exif:GPSLongitude="2,20,35.5E"
  tiff:Make="NIKON CORPORATION" tiff:Model="NIKON D850">
 <dc:subject><rdf:Bag><rdf:li>stairs</rdf:li><rdf:li>été</rdf:li></rdf:Bag></dc:subject>
 <dc:description><rdf:Alt><rdf:li xml:lang="de">Eine Treppe</rdf:li>
   <rdf:li xml:lang="x-default">The stairs of Montmartre</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def camera() -> Exif:
    """The EXIF of a photograph."""
    exif = Exif()
    exif[0x010F], exif[0x0110], exif[0x4746] = "Canon", "Canon EOS R5", 3
    exif[0x010E] = "A château".encode()
    shot = exif.get_ifd(0x8769)
    shot[0x9003], shot[0x9011] = "2024:05:01 12:30:00", "+02:00"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "S", (33.0, 51.0, 30.0), "E", (151.0, 12.0, 36.0)
    return exif


def iptc(*datasets: tuple[int, bytes]) -> bytes:
    """An IPTC-IIM block of record 2, in UTF-8."""
    rows = [b"\x1c\x01\x5a\x00\x03\x1b%G"]
    rows += [struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value for number, value in datasets]
    return b"".join(rows)


def photoshop(block: bytes) -> bytes:
    """The APP13 segment of a JPEG that holds an IPTC-IIM block."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)
    return b"Photoshop 3.0\0" + resource


def jpeg(*, exif: Exif | bytes = b"", xmp: str = "", block: bytes = b"") -> bytes:
    """A small JPEG with these blocks."""
    file = io.BytesIO()
    _picture().save(file, "JPEG", exif=exif, xmp=xmp.encode())
    content = file.getvalue()
    if not block:
        return content
    data = photoshop(block)
    return content[:2] + b"\xff\xed" + struct.pack(">H", len(data) + 2) + data + content[2:]


def png(texts: Mapping[str, str], *, at_the_end: bool = False) -> bytes:
    """A small PNG with text chunks, which may stand behind the pixels."""
    file, chunks = io.BytesIO(), texts_of({} if at_the_end else texts)
    for key, text in texts.items() if at_the_end else ():
        chunks.add(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"), after_idat=True)
    _picture().save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def texts_of(texts: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    """Text chunks of a PNG."""
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        chunks.add_itxt(key, text)
    return chunks


def webp(exif: Exif) -> bytes:
    """A small WebP with EXIF."""
    file = io.BytesIO()
    _picture().save(file, "WEBP", exif=exif)
    return file.getvalue()


def comfy(graph: object = GRAPH) -> bytes:
    """A PNG of ComfyUI."""
    return png(comfy_texts(graph))


def comfy_texts(graph: object = GRAPH) -> dict[str, str]:
    """The texts in a PNG of ComfyUI."""
    return {"prompt": json.dumps(graph), "workflow": json.dumps({"nodes": []})}


def _picture() -> Pillow.Image:
    return Pillow.new("RGB", (8, 8), "teal")
