import click


@click.group()
def models():
    """x

    \b
      phosphene models"""
