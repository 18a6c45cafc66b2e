"""A plugin whose package cannot be imported, as after an upgrade that went wrong."""

raise RuntimeError("this package needs another version of something")
