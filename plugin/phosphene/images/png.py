"""Writing PNG files with texts, and removing chunks that are too large for Pillow."""

import io
import zlib
from collections.abc import Iterator, Mapping

from PIL import PngImagePlugin
from PIL.Image import Image as Picture

from phosphene.images.pieces import in_pieces, most_pieces

TEXTS = (b"tEXt", b"zTXt", b"iTXt")
PIXELS = (b"IDAT", b"fdAT")  # and those of the further frames of an animation
SIGNATURE = b"\x89PNG\r\n\x1a\n"
UNICODE_TEXTS = ("phosphene", "XML:com.adobe.xmp")  # keys of iTXt chunks: ours, and XMP's by its standard
MOST_TEXTS = 256  # text chunks that are read. Unpacking one takes up to 3 ms, and programs write a handful
LARGEST_PROFILE = 16 << 20  # bytes. The largest profiles are those of printing presses, with about 3 MB


def png(picture: Picture, texts: Mapping[str, str], exif: bytes = b"") -> bytes:
    """A PNG file with text chunks: tEXt for Latin-1, iTXt (UTF-8) for others and for UNICODE_TEXTS."""
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        if key in UNICODE_TEXTS or not _latin(text):
            chunks.add_itxt(key, text)
        else:
            chunks.add_text(key, text)
    file = io.BytesIO()
    # Runs alone take 40 % of the time of level 4. Generated pictures and photographs change by 1 % of their
    # size. Only crisp hatching becomes much larger, and no generator draws that.
    picture.save(file, "PNG", pnginfo=chunks, exif=exif or None, compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def lightened(content: bytes) -> tuple[bytes, bytes | None]:
    """A PNG without the chunks that are too large for Pillow, and the colour profile if it is one of them.

    Pillow would refuse the whole file because of one such chunk. A file of another format is returned
    unchanged. Only the first profile and the first texts are kept. Raises ImageError if there are too many
    chunks.
    """
    if not content.startswith(SIGNATURE):
        return content, None
    kept, profile, room = [content[: len(SIGNATURE)]], None, PngImagePlugin.MAX_TEXT_MEMORY
    profiles, texts, chunks = 0, 0, most_pieces(content)
    for number, (kind, data, whole) in enumerate(_chunks(content)):
        if number > chunks:
            raise in_pieces()
        texts, profiles = texts + (kind in TEXTS), profiles + (kind == b"iCCP")
        if (kind in TEXTS and texts > MOST_TEXTS) or (kind == b"iCCP" and profiles > 1):
            continue
        if kind == b"iCCP" and len(unpacked := _profile(data)) > PngImagePlugin.MAX_TEXT_CHUNK:
            profile = unpacked
            continue
        size = _text_size(kind, data)
        if size > room:
            continue
        room -= size
        kept.append(whole)
    lighter = b"".join(kept)
    return (content if len(lighter) == len(content) else lighter), profile


def without_pixels(content: bytes) -> bytes:
    """A PNG without its pixels. Pillow then reads the texts behind them, too, and decodes nothing.

    A file of another format is returned unchanged. Raises ImageError if there are too many chunks.
    """
    if not content.startswith(SIGNATURE):
        return content
    kept, chunks = [content[: len(SIGNATURE)]], most_pieces(content)
    for number, (kind, _, whole) in enumerate(_chunks(content)):
        if number > chunks:
            raise in_pieces()
        if kind not in PIXELS:
            kept.append(whole)
    return b"".join(kept)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The kind, the data and all bytes of each chunk of a PNG. The last chunk may be cut off."""
    at = len(SIGNATURE)
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        end = at + 12 + length
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length], content[at:end]
        at = end


def _text_size(kind: bytes, data: bytes) -> int:
    """How many bytes of text a chunk holds. If Pillow would refuse it, the result is above every limit."""
    _, _, rest = data.partition(b"\0")  # the key
    if kind == b"zTXt":
        packed = rest[1:]
    elif kind == b"iTXt" and rest[:1] == b"\1":  # then follow the method, the language and its key
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        return len(rest) if kind in (b"tEXt", b"iTXt") else 0
    size = len(_unpacked(packed, PngImagePlugin.MAX_TEXT_CHUNK))
    return size if size <= PngImagePlugin.MAX_TEXT_CHUNK else PngImagePlugin.MAX_TEXT_MEMORY + 1


def _profile(data: bytes) -> bytes:
    return _unpacked(data.partition(b"\0")[2][1:], LARGEST_PROFILE)


def _unpacked(packed: bytes, most: int) -> bytes:
    """Unpack up to one byte more than `most`. The result is empty if the data is damaged."""
    try:
        return zlib.decompressobj().decompress(packed, most + 1)
    except zlib.error:
        return b""


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
