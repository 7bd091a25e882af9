"""Loads the script as the module ``wren_script``."""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec  # `importlib.machinery` without importing `importlib`.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

# Not "__main__": a block under `if __name__ == "__main__":` is for running the file by hand.
MODULE_NAME = "wren_script"


class Script:
    """The script's text, and the loader that gives it to tracebacks and to ``inspect.getsource``."""

    def __init__(self, filename: str, source: str, code: CodeType | None = None) -> None:
        self.filename = filename
        self._code = code
        # A byte order mark is legal at the start of a file, and nowhere in a string that is compiled.
        self.source = source[1:] if source.startswith("\ufeff") else source

    def lines(self) -> list[str]:
        """Returns the script's lines as the parser counts them, without their line breaks."""
        # Not `splitlines`: it also splits at form feeds and at separators of Unicode, which may stand inside of a line.
        return self.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def line(self, number: int) -> str | None:
        """Returns a line of the script, counted from 1, without its line break."""
        lines = self.lines()
        return lines[number - 1] if 0 < number <= len(lines) else None

    # The next three are what `linecache` and `importlib` ask a loader for.
    def get_source(self, name: str) -> str:
        return self.source

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # `importlib.reload(sys.modules[...])` in a script would come here.
        exec(self.compile(), vars(module))

    def compile(self) -> CodeType:
        """Returns the script's code, which an executor that keeps compiled scripts gave along with the text."""
        if self._code is not None:
            return self._code
        # Without `dont_inherit` the script would be compiled with this file's `__future__` imports.
        return compile(self.source, self.filename, "exec", dont_inherit=True)


def create(script: Script) -> ModuleType:
    """Returns the script's module, whose top level has not run yet."""
    spec = ModuleSpec(MODULE_NAME, script, origin=script.filename)  # type: ignore[arg-type]
    module = type(sys)(MODULE_NAME)
    module.__file__ = script.filename
    module.__loader__ = script  # type: ignore[assignment]
    module.__spec__ = spec
    module.__package__ = ""
    # Registered before it runs: dataclasses and pickling look a class's module up by its name.
    sys.modules[MODULE_NAME] = module
    return module
