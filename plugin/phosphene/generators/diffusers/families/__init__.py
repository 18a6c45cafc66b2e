"""The families of pretrained models that phosphene can use: one row each.

A row says which classes of diffusers make its pictures, what those take of a request, and where people get
the files. Nothing here loads a model, so that the catalogue can list what is not installed.

Sizes on disk are those of the repository's files that are used. SD.Next's list of models and the files' own
sizes are the sources.
"""

from collections.abc import Mapping

from phosphene.generators.diffusers.families.row import FLOW as FLOW
from phosphene.generators.diffusers.families.row import GIB as GIB
from phosphene.generators.diffusers.families.row import STEPWISE as STEPWISE
from phosphene.generators.diffusers.families.row import VIT_BIGG as VIT_BIGG
from phosphene.generators.diffusers.families.row import VIT_H as VIT_H
from phosphene.generators.diffusers.families.row import VIT_L as VIT_L
from phosphene.generators.diffusers.families.row import AdapterFiles as AdapterFiles
from phosphene.generators.diffusers.families.row import Conditioning as Conditioning
from phosphene.generators.diffusers.families.row import Family as Family
from phosphene.generators.diffusers.families.row import PromptEncoding as PromptEncoding
from phosphene.generators.diffusers.families.row import three_modes as three_modes
from phosphene.generators.diffusers.families.vector_families import BY_VECTORS
from phosphene.generators.diffusers.families.word_families import BY_WORDS

FAMILIES: Mapping[str, Family] = {family.name: family for family in (*BY_VECTORS, *BY_WORDS)}
