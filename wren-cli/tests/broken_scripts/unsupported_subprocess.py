# expect: UNSUPPORTED_IMPORT at 6:11: the process executor has it: set `executor = "process"` in the `[tool.wren]` block
import subprocess

import wren

VERSION = subprocess.check_output(["git", "describe", "--tags"], text=True).strip()


@wren.on_schedule("0 0 * * sun")
def release_note():
    print("running", VERSION)
