"""`phosphene models` and its commands deal with models that make vectors, and with generators."""

import click

from phosphene.cli.commands.models.bench import bench
from phosphene.cli.commands.models.checkpoints import add, check
from phosphene.cli.commands.models.downloads import fetch, remove
from phosphene.cli.commands.models.table import listing
from phosphene.cli.commands.models.trust import trust
from phosphene.cli.options import COMMON, helpful


@click.group("models", invoke_without_command=True)
@click.pass_context
@helpful
def models(context: click.Context) -> None:
    """List the models that you can use, or download one.

      phosphene models
      phosphene -L photos.lib models --json
      phosphene models fetch sd15

    An embedding model makes the vectors of a library: `phosphene add --model NAME` chooses it when it
    makes the library. A generator makes pictures: `phosphene generate --generator NAME`.
    """
    if context.invoked_subcommand is None:
        context.invoke(listing)


models.params += COMMON
for _command in (listing, fetch, add, check, bench, remove, trust):
    models.add_command(_command)
