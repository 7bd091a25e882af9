"""Makes the interpreter ready for runs; what this leaves behind is what every run begins with."""

from __future__ import annotations

import gc
import importlib
import linecache
import os
import sys


def take() -> None:
    """Imports the library and replaces what cannot work here."""
    # Their order matters: `urllib.request` looks for HTTPS in `http.client` when it is imported.
    from wren._runtime import tracebacks, web

    web.install()
    tracebacks.hide(os.path.dirname(__file__) + "/")
    from . import absent, event_loop, library, memory, time_zones

    importer = memory.MemoryImporter()
    library.preload()
    library.keep(importer)
    absent.refuse()
    event_loop.install()
    time_zones.install()

    from . import entry, files, heap, leaving, objects, warm_up

    data = os.path.dirname(sys.modules["wren_guest_data"].__file__ or "")
    library.publish(importer, f"{data}/modules.json")
    _forget_the_build()
    memory.install(importer)
    files.install()
    leaving.install(entry.channel)
    warm_up.run(entry)
    entry.connect()
    importlib.invalidate_caches()
    linecache.clearcache()
    gc.collect()
    objects.publish(f"{data}/objects.bin")
    heap.fill_holes()
    # What the snapshot holds stays, so that a run's collections need not look at it.
    gc.freeze()


def _forget_the_build() -> None:
    # The build told the interpreter where its library was.
    os.environ.clear()
    sys.argv[:] = [""]
    sys.orig_argv[:] = []
    sys.executable = ""
