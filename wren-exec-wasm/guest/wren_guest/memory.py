"""Modules that were not imported before the snapshot, as compressed byte code in memory."""

from __future__ import annotations

import marshal
import sys
import zlib
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

_marshal_loads = marshal.loads
_decompress = zlib.decompress


class MemoryImporter:
    """Finds and loads them; the last entry of ``sys.meta_path``, in place of the one that looks for files."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}
        # The name of the file that each module had, and whether it is a package.
        self._files: dict[str, tuple[str, bool]] = {}

    def add(self, name: str, file: str, is_package: bool) -> None:
        """Compiles a module's file and keeps the code."""
        with open(file, encoding="utf-8") as source:
            code = compile(source.read(), file, "exec", dont_inherit=True)
        self._code[name] = zlib.compress(marshal.dumps(code), 9)
        self._files[name] = (file, is_package)

    def names(self) -> list[str]:
        """Returns the names of the modules."""
        return sorted(self._code)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._code:
            return None
        file, is_package = self._files[name]
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), vars(module))

    def get_code(self, name: str) -> CodeType:
        """Returns a module's code, as ``runpy`` and ``importlib`` ask a loader for it."""
        code: CodeType = _marshal_loads(_decompress(self._code[name]))
        return code

    def get_source(self, name: str) -> None:
        """There is no source; tracebacks do without."""
        return None

    def is_package(self, name: str) -> bool:
        return self._files[name][1]


def install(importer: MemoryImporter) -> None:
    """Lets modules come from memory and from the interpreter itself only."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if "PathFinder" not in repr(finder)]
    sys.meta_path.append(importer)  # type: ignore[arg-type]
    sys.path_importer_cache.clear()
    # Nothing can be found there any more; a program's own folder would be the first entry.
    sys.path[:] = []
