"""The `parameters` of AUTOMATIC1111's web UI, which Forge, SD.Next, Civitai and many savers write, too.

    a prompt, which may have
    several lines
    Negative prompt: what is not wanted
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model: sd_xl_base

The web UI writes them in `create_infotext` of `modules/processing.py`, and reads them again in
`parse_generation_parameters` of `modules/infotext_utils.py`. A value with a comma or a colon is a JSON text.
In a PNG this is the text `parameters`, and in other formats the EXIF comment, see `exif.texts`.
"""

import re

from phosphene.fields import NONE, Fields
from phosphene.metadata.values import checked, text

SETTINGS = re.compile(r"^Steps: \d", re.MULTILINE)  # the beginning of the last line
NEGATIVE = re.compile(r"^Negative prompt:", re.MULTILINE)
LONGEST = 4096  # characters of the settings that are read. Those that we read are the first ones
SETTING = re.compile(r'(?:^|, )([A-Z][\w ]{0,40}): ("(?:[^"\\]|\\.)*"|[^,\n]*)')
NAMES = {
    "Steps": "steps",
    "Sampler": "sampler",
    "CFG scale": "guidance",
    "Seed": "seed",
    "Model": "model",
}


def read(parameters: str) -> Fields:
    """The fields in `parameters`. There are none in a text without settings, because it is another format."""
    lines = text(parameters, len(parameters)) or ""
    starts = [found.start() for found in SETTINGS.finditer(lines)]
    if not starts:
        return NONE
    settings = dict(SETTING.findall(lines[starts[-1] :][:LONGEST]))
    prompt, *negative = NEGATIVE.split(lines[: starts[-1]], maxsplit=1)
    known = {name: settings.get(key, "").strip('"') for key, name in NAMES.items()}
    return checked({**known, "prompt": prompt, "negative": "".join(negative)})
