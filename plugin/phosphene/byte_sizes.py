"""Sizes of files and of memory as people read them."""


def gigabytes(size: int) -> str:
    """A size in decimal units, as the hub and disks have them."""
    if size >= 10**8:
        return f"{size / 10**9:.1f} GB"
    return f"{size / 10**6:.0f} MB" if size >= 10**6 else f"{size / 10**3:.0f} kB"
