"""How well embedding models find photographs by captions in many languages.

The figures are those of immich for Crossmodal-3600 (Thapliyal et al. 2022), in per cent: the mean of the
recalls at 1, 5 and 10. immich leaves out what is below 20.
"""

from collections.abc import Mapping

SOURCE = "https://github.com/immich-app/immich/blob/01a09bb/docs/docs/features/searching.md"
MODELS = (
    "ViT-B-32-SigLIP2-256/webli",
    "ViT-B-16-SigLIP2/webli",
    "ViT-SO400M-16-SigLIP2-256/webli",
    "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
    "ViT-H-14/laion2b_s32b_b79k",
)
RECALLS: Mapping[str, tuple[float | None, ...]] = {
    "Arabic": (60.70, 61.71, 68.64, 59.66, None),
    "Bengali": (None, None, 26.54, None, None),
    "Chinese": (62.56, 64.39, 66.24, 72.52, None),
    "Croatian": (53.30, 54.31, 72.89, 72.69, None),
    "Czech": (54.31, 54.81, 62.82, 61.01, None),
    "Danish": (67.20, 67.68, 81.42, 75.07, None),
    "Dutch": (72.72, 75.33, 78.92, 70.81, 41.10),
    "English": (73.15, 75.19, 74.87, 68.33, 71.33),
    "Filipino": (22.69, 23.37, 33.98, None, None),
    "Finnish": (40.06, 40.26, 61.92, 63.08, None),
    "French": (82.27, 84.30, 86.90, 79.65, 68.36),
    "German": (84.44, 86.44, 89.45, 81.63, 52.81),
    "Greek": (53.24, 53.42, 60.06, 64.69, None),
    "Hebrew": (58.49, 60.33, 72.08, 72.73, None),
    "Hindi": (27.08, 27.87, 34.19, 32.06, None),
    "Hungarian": (56.74, 58.31, 73.59, 72.50, None),
    "Indonesian": (77.02, 79.84, 84.06, 74.15, 23.25),
    "Italian": (81.81, 83.78, 87.29, 77.31, 51.04),
    "Japanese": (55.31, 58.10, 66.54, 81.19, None),
    "Korean": (67.54, 70.25, 74.36, 65.44, None),
    "Norwegian": (60.94, 62.56, 74.44, 67.81, None),
    "Persian": (65.16, 68.26, 74.32, 68.55, None),
    "Polish": (70.34, 73.44, 79.45, 73.69, None),
    "Portuguese": (74.82, 77.54, 80.56, 73.02, 45.49),
    "Romanian": (56.54, 58.28, 73.22, 77.92, None),
    "Russian": (81.59, 84.29, 86.74, 80.56, None),
    "Spanish": (78.99, 82.22, 83.20, 75.01, 58.31),
    "Swedish": (64.86, 66.37, 71.70, 66.93, None),
    "Thai": (35.28, 37.35, 44.66, 66.03, None),
    "Turkish": (64.76, 66.72, 75.92, 69.19, None),
    "Ukrainian": (63.95, 65.28, 77.56, 76.31, None),
    "Vietnamese": (77.73, 80.88, 84.84, 75.18, None),
}
LANGUAGES = tuple(RECALLS)


def recall(model: str, language: str) -> float | None:
    """The published recall of a model for captions in a language. None if there is no figure."""
    return RECALLS[language][MODELS.index(model)] if model in MODELS else None


def recalls(model: str) -> dict[str, float]:
    """The published recalls of a model for all languages that have one."""
    found = {language: recall(model, language) for language in LANGUAGES}
    return {language: value for language, value in found.items() if value is not None}
