"""The JSON that InvokeAI writes into its PNG files.

Since version 3 it is the text `invokeai_metadata`, whose keys are those of `CoreMetadataInvocation` in
`invokeai/app/invocations/metadata.py`. Version 2 wrote `sd-metadata`: the model at the top, the rest in
`image`, and the negative prompt in square brackets inside of the prompt (`ldm/invoke/args.py`).
"""

import re
from typing import Any

from phosphene.fields import NONE, Fields
from phosphene.metadata.values import checked, json_object

NEGATIVE = re.compile(r"\[([^\[\]]*)\]")


def read(metadata: str) -> Fields:
    """The fields in `invokeai_metadata`."""
    found = json_object(metadata)
    model = found.get("model")
    known = model if isinstance(model, dict) else {}
    return checked(
        {
            "prompt": found.get("positive_prompt"),
            "negative": found.get("negative_prompt"),
            "model": known.get("name", known.get("model_name", model)),
            "sampler": found.get("scheduler"),
            "seed": found.get("seed"),
            "steps": found.get("steps"),
            "guidance": found.get("cfg_scale"),
        }
    )


def read_old(metadata: str) -> Fields:
    """The fields in `sd-metadata`."""
    found = json_object(metadata)
    image = found.get("image")
    if not isinstance(image, dict):
        return NONE
    prompt = _prompt(image.get("prompt"))
    return checked(
        {
            "prompt": NEGATIVE.sub("", prompt),
            "negative": ", ".join(NEGATIVE.findall(prompt)),
            "model": found.get("model_weights"),
            "sampler": image.get("sampler"),
            "seed": image.get("seed"),
            "steps": image.get("steps"),
            "guidance": image.get("cfg_scale"),
        }
    )


def _prompt(value: Any) -> str:
    """A prompt, which is a text or a list of texts with weights."""
    parts = value if isinstance(value, list) else [value]
    texts = [part.get("prompt") if isinstance(part, dict) else part for part in parts]
    return ", ".join(text for text in texts if isinstance(text, str))
