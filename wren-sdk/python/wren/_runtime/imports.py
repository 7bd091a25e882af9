"""What to say about an import that failed."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Modules whose package has another name; for all else the two are the same often enough to suggest it.
_PACKAGES = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "github": "PyGithub",
    "jwt": "PyJWT",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "telegram": "python-telegram-bot",
    "yaml": "PyYAML",
}


def unsupported(error: ImportError, unavailable: Mapping[str, str]) -> str | None:
    """Returns the executor that has the module which the running one lacks, or None when that is not the fault."""
    top = (error.name or "").partition(".")[0]
    return unavailable.get(top)


def executor_hint(executor: str) -> str:
    """Returns how a script gets what only that executor has."""
    return f'the {executor} executor has it: set `executor = "{executor}"` in the `[tool.wren]` block'


def hint(error: ImportError) -> str | None:
    """Returns what would mend the import, as far as it can be known."""
    module = error.name or ""
    top = module.partition(".")[0]
    if top == "wren":
        return _hint_for_wren(error, module)
    if not isinstance(error, ModuleNotFoundError) or not top:
        return None
    # Python 3.9 does not list its standard library.
    standard: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
    if top in standard:
        return f"`{module}` belongs to the standard library, but this Python was built without it"
    from wren._suggest import closest

    meant = closest(top, standard, cutoff=0.85)
    package = _PACKAGES.get(top, top)
    block = f'# /// script\n# dependencies = ["{package}"]\n# ///'
    declare = f"`{top}` is not in the standard library: declare the package at the top of the script\n{block}"
    return f"did you mean `{meant}`? Otherwise, {declare}" if meant else declare


def _hint_for_wren(error: ImportError, module: str) -> str | None:
    import wren
    from wren._suggest import closest

    # `import wren.gmial` names the module; `from wren import gmial` names it in the message only, before Python 3.12.
    name = module.partition(".")[2] or getattr(error, "name_from", None) or _quoted(str(error))
    if not name:
        return None
    known = [known for known in dir(wren) if not known.startswith("_")]
    match = closest(name, known, cutoff=0.6)
    return f"did you mean `{match}`?" if match else "wren has: " + ", ".join(known)


def _quoted(message: str) -> str | None:
    parts = message.split("'")
    return parts[1] if len(parts) > 1 else None
