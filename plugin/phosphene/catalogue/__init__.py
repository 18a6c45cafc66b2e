"""The models that people can get, what is known of each, and where those lie that are on this machine.

`find` leads from a name to files. Nothing here loads a model, and nothing imports torch.
"""

from pathlib import Path

from phosphene.catalogue import registrations, snapshots
from phosphene.catalogue.offers import Offer as Offer
from phosphene.catalogue.offers import offer as offer
from phosphene.catalogue.snapshots import Beside as Beside
from phosphene.catalogue.snapshots import beside as beside
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES


def find(name: str) -> Path | None:
    """The file or the folder of a checkpoint on this machine, or None if it is not here.

    A name is one that `phosphene models add` registered, or that of a family. The files of a family are those
    in the hub's cache, whoever downloaded them. Raises ModelError for a registered file that is gone.
    """
    if added := registrations.registered().get(name):
        if not added.path.exists():
            raise ModelError(
                f"The checkpoint `{name}` was added as `{added.path}`, which is gone.",
                hint=f"add it where it is now, or forget it with `phosphene models remove {name}`",
            )
        return added.path
    family = FAMILIES.get(name)
    return snapshots.pipeline(family.repository) if family else None
