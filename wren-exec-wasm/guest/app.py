"""The module whose state becomes the guest: everything is imported and made ready here, while there is a file system."""

import sys

# The folders that the modules come from are others' too.
sys.dont_write_bytecode = True

from wren_guest import snapshot

snapshot.take()

from wren_guest.entry import WitWorld

__all__ = ["WitWorld"]
