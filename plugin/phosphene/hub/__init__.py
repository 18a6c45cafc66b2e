"""Hugging Face's hub: what a repository has, downloads that can be interrupted, and the cache.

A download goes on where it was interrupted, and each file is compared with the hash that the hub states.
huggingface_hub 2 does neither. Files go to the cache that all programs on this machine share.
"""

from phosphene.hub.cache import cached as cached
from phosphene.hub.client import HubError as HubError
from phosphene.hub.download import OnBytes as OnBytes
from phosphene.hub.download import download as download
from phosphene.hub.download import read as read
from phosphene.hub.repository import RemoteFile as RemoteFile
from phosphene.hub.repository import Repository as Repository
from phosphene.hub.repository import look_up as look_up
