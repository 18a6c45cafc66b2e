import click


@click.group()
def train():
    """x

    \b
      phosphene train"""
