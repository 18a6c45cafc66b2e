"""What is published about the embedding models that phosphene lists: licences, sizes, and how well they find.

Every figure has a source. Where nobody has published one, there is none. `open_clip` has many more models.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from phosphene.embedding.model_names import BUILT_IN, DEFAULT_MODEL

# The parameters are those of the architectures in open_clip 3.3.0, and the licences those of the model cards.
GITHUB = "https://github.com"
OPEN_CLIP = f"{GITHUB}/mlfoundations/open_clip/blob/main/docs/openclip_retrieval_results.csv"
SIGLIP2 = (
    f"{GITHUB}/google-research/big_vision/blob/main/big_vision/configs/proj/image_text/README_siglip2.md"
)
PERCEPTION = f"{GITHUB}/facebookresearch/perception_models/blob/main/apps/pe/README.md"
MOBILECLIP2 = f"{GITHUB}/apple/ml-mobileclip/blob/main/results/mobileclip2_s2.jsonl"
ENGLISH, MANY = "English", "many"
MIT, APACHE = "MIT", "Apache-2.0"
APPLE = "Apple Machine Learning Research Model License"

Recalls = tuple[float, ...]  # in per cent: at 1, or at 1, 5 and 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoRecalls:
    """How often a model finds the right one among the 5,000 test pictures of COCO, or their captions."""

    text_to_image: Recalls
    image_to_text: Recalls = ()
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """The facts about one model."""

    name: str
    licence: str
    commercial: bool = True  # whether the licence allows commercial use
    parameters: float  # millions
    dimension: int  # of the vectors
    languages: str = ENGLISH  # `many` if its captions were in many languages, see `crossmodal`
    coco: CocoRecalls | None = None

    @property
    def size(self) -> int:
        """Bytes of the weights in single precision, as they are downloaded."""
        return round(self.parameters * 1e6) * 4

    @property
    def is_default(self) -> bool:
        """Whether a new library has this model if the user names none."""
        return self.name == DEFAULT_MODEL


def _open_clip(text_to_image: Recalls, image_to_text: Recalls) -> CocoRecalls:
    return CocoRecalls(text_to_image=text_to_image, image_to_text=image_to_text, source=OPEN_CLIP)


def _siglip2(text_to_image: float, image_to_text: float) -> CocoRecalls:
    return CocoRecalls(text_to_image=(text_to_image,), image_to_text=(image_to_text,), source=SIGLIP2)


def _perception(text_to_image: float) -> CocoRecalls:
    return CocoRecalls(text_to_image=(text_to_image,), source=PERCEPTION)


ROWS = (
    EmbeddingModel(name=BUILT_IN, licence=APACHE, parameters=6.2, dimension=256),
    EmbeddingModel(
        name="ViT-B-32-256/datacomp_s34b_b86k",
        licence=MIT,
        parameters=151.3,
        dimension=512,
        coco=_open_clip((39.93, 65.43, 75.24), (57.92, 80.56, 88.10)),
    ),
    EmbeddingModel(
        name="ViT-B-16/datacomp_xl_s13b_b90k",
        licence=MIT,
        parameters=149.6,
        dimension=512,
        coco=_open_clip((40.16, 65.95, 75.62), (57.44, 80.86, 88.30)),
    ),
    EmbeddingModel(
        name="ViT-L-14/datacomp_xl_s13b_b90k",
        licence=MIT,
        parameters=427.6,
        dimension=768,
        coco=_open_clip((45.73, 70.03, 79.16), (63.30, 84.14, 90.40)),
    ),
    EmbeddingModel(
        name="ViT-H-14/laion2b_s32b_b79k",
        licence=MIT,
        parameters=986.1,
        dimension=1024,
        coco=_open_clip((49.48, 73.38, 81.51), (65.92, 86.06, 91.88)),
    ),
    EmbeddingModel(
        name="ViT-B-32-SigLIP2-256/webli",
        licence=APACHE,
        parameters=376.9,
        dimension=768,
        languages=MANY,
        coco=_siglip2(47.2, 63.7),
    ),
    EmbeddingModel(
        name="ViT-B-16-SigLIP2/webli",
        licence=APACHE,
        parameters=375.2,
        dimension=768,
        languages=MANY,
        coco=_siglip2(52.1, 68.9),
    ),
    EmbeddingModel(
        name="ViT-SO400M-16-SigLIP2-256/webli",
        licence=APACHE,
        parameters=1135.7,
        dimension=1152,
        languages=MANY,
        coco=_siglip2(55.4, 71.5),
    ),
    EmbeddingModel(
        name="xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
        licence=MIT,
        parameters=366.1,
        dimension=512,
        languages=MANY,
        coco=_open_clip((37.78, 63.44, 73.48), (53.54, 77.98, 86.40)),
    ),
    EmbeddingModel(
        name="PE-Core-S-16-384/meta",
        licence=APACHE,
        parameters=87.2,
        dimension=512,
        coco=_perception(42.6),
    ),
    EmbeddingModel(
        name="PE-Core-B-16/meta",
        licence=APACHE,
        parameters=447.7,
        dimension=1024,
        coco=_perception(50.9),
    ),
    EmbeddingModel(
        name="PE-Core-L-14-336/meta",
        licence=APACHE,
        parameters=671.1,
        dimension=1024,
        coco=_perception(57.1),
    ),
    EmbeddingModel(
        name="MobileCLIP2-S2/dfndr2b",
        licence=APPLE,
        commercial=False,
        parameters=99.2,
        dimension=512,
        coco=CocoRecalls(
            text_to_image=(48.82, 73.75, 82.43), image_to_text=(66.70, 86.76, 92.26), source=MOBILECLIP2
        ),
    ),
)
EMBEDDING_MODELS: Mapping[str, EmbeddingModel] = {row.name: row for row in ROWS}
