"""Which modules of the standard library are imported before the snapshot, kept in memory, or not here."""

from __future__ import annotations

import importlib
import json
import os
import sys

from .absent import UNAVAILABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .memory import MemoryImporter

# Not that of `os`, which is frozen into the interpreter and only guesses.
_FOLDER = os.path.dirname(os.path.dirname(json.__file__))

# What scripts use, as far as it exists here. An import costs a run nothing once it is in the snapshot.
_PRELOADED = """
__future__ _strptime abc annotationlib argparse array ast asyncio asyncio.timeouts atexit base64 binascii bisect
builtins calendar cmath cmd code codecs codeop collections collections.abc colorsys concurrent.futures
concurrent.futures.thread configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis
doctest email email.generator email.header email.headerregistry email.message email.mime.application email.mime.audio
email.mime.base email.mime.image email.mime.message email.mime.multipart email.mime.nonmultipart email.mime.text
email.parser email.policy email.utils encodings.ascii encodings.cp1252 encodings.idna encodings.iso8859_1
encodings.iso8859_15 encodings.latin_1 encodings.punycode encodings.utf_16 encodings.utf_16_be encodings.utf_16_le
encodings.utf_32 encodings.utf_8 encodings.utf_8_sig enum errno faulthandler filecmp fileinput fnmatch fractions ftplib
functools gc getopt getpass gettext glob graphlib gzip hashlib heapq hmac html html.entities html.parser http
http.client http.cookiejar http.cookies http.server imaplib importlib importlib.abc importlib.machinery
importlib.metadata importlib.resources importlib.util inspect io ipaddress itertools json json.decoder json.encoder
json.scanner keyword linecache locale logging logging.config logging.handlers mailbox marshal math mimetypes
netrc numbers opcode operator optparse os os.path pathlib pickle pickletools pkgutil platform
plistlib poplib posixpath pprint pyexpat queue quopri random re reprlib runpy sched secrets select selectors shelve
shlex shutil signal site smtplib socket socketserver sqlite3 sqlite3.dbapi2 stat statistics string string.templatelib
stringprep struct subprocess symtable sys sysconfig tarfile tempfile textwrap threading time timeit token tokenize
tomllib traceback tracemalloc types typing unicodedata unittest unittest.mock urllib urllib.error urllib.parse
urllib.request urllib.response urllib.robotparser uuid warnings weakref webbrowser xml xml.dom xml.dom.minidom
xml.etree.ElementTree xml.parsers.expat xml.sax xml.sax.handler xml.sax.saxutils xmlrpc.client zipfile zipimport zlib
zoneinfo
wren wren._ai wren._codec wren._context wren._email wren._host wren._integration wren._secret wren._state wren._suggest wren._times
wren.errors wren.http wren.registry wren._runtime.calling wren._runtime.failures wren._runtime.import_limit
wren._runtime.imports wren._runtime.inspection wren._runtime.session wren._runtime.signature wren._runtime.tracebacks
"""

# Importing one declares an integration, so that they wait for a script that does.
_INTEGRATIONS = ("wren.gmail", "wren.slack")

# They need what is not here, serve another system, or are programs rather than modules.
_LEFT_OUT = frozenset(
    "_aix_support _android_support _apple_support _ios_support _osx_support _sysconfigdata__wasi_wasm32-wasi "
    "asyncio.tools asyncio.windows_events asyncio.windows_utils concurrent.futures.interpreter "
    "concurrent.futures.process concurrent.interpreters compression.bz2 compression.lzma compression.zstd "
    "encodings.bz2_codec encodings.mbcs encodings.oem idlelib rlcompleter site-packages test tkinter turtle "
    "turtledemo unittest.__main__".split()
) | set(UNAVAILABLE)

# Of Windows, or for a display, so that no executor has them.
_OF_OTHER_MACHINES = frozenset("idlelib msvcrt nt tkinter turtle turtledemo winreg winsound".split())


def preload() -> None:
    """Imports what is to be in the snapshot."""
    for name in (*_PRELOADED.split(), *sys.builtin_module_names):
        importlib.import_module(name)


def keep(importer: MemoryImporter) -> None:
    """Keeps the code of all that can be imported and was not."""
    for name, file, is_package in _modules():
        if name not in sys.modules:
            importer.add(name, file, is_package)
    sdk = os.path.dirname(sys.modules["wren"].__file__ or "")
    for name in _INTEGRATIONS:
        importer.add(name, f"{sdk}/{name.rpartition('.')[2]}.py", False)


def publish(importer: MemoryImporter, path: str) -> None:
    """Writes the list of the library's public modules, by how they are imported."""
    kept = {name for name in importer.names() if name not in _INTEGRATIONS}
    loaded = {name for name in sys.modules if name.partition(".")[0] in sys.stdlib_module_names}
    known = {name for name in loaded | kept | set(sys.builtin_module_names) if "." not in name}
    lists = {
        "preloaded": _public(loaded),
        "from_memory": _public(kept),
        "absent": _public(sys.stdlib_module_names - known - _OF_OTHER_MACHINES),
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(lists, file, indent=1)
        file.write("\n")


def _public(names: set[str] | frozenset[str]) -> list[str]:
    return sorted(name for name in names if not any(part.startswith("_") for part in name.split(".")))


def _modules(package: str = "", folder: str = _FOLDER) -> Iterator[tuple[str, str, bool]]:
    """Yields the name and the file of each module of the library's folder, and whether it is a package."""
    for entry in sorted(os.listdir(folder)):
        stem, dot, kind = entry.partition(".")
        name, path = package + stem, f"{folder}/{entry}"
        if name in _LEFT_OUT or stem == "__main__" or stem == "__init__":
            continue
        if not dot and os.path.exists(f"{path}/__init__.py"):
            yield name, f"{path}/__init__.py", True
            yield from _modules(f"{name}.", path)
        elif kind == "py":
            yield name, path, False
