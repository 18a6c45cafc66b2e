"""`phosphene completion` prints the completion script of a shell."""

import click

from phosphene.cli.options import helpful
from phosphene.cli.streams import write


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@helpful
def completion(shell: str) -> None:
    """Print the completion script of a shell.

      phosphene completion bash >> ~/.bashrc
      phosphene completion fish > ~/.config/fish/completions/phosphene.fish

    In a new shell, the Tab key then completes commands and options.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells above"
    phosphene = click.get_current_context().find_root().command
    write(kind(phosphene, {}, "phosphene", "_PHOSPHENE_COMPLETE").source() + "\n")
