# expect: MEMORY_LIMIT at 8:10: work on smaller pieces at a time, or raise `memory` in the `[tool.wren]` block
# /// script
# [tool.wren]
# memory = "64MiB"
# ///
import wren

BUFFER = bytearray(256 * 1024 * 1024)


@wren.on_schedule(every="1h")
def fill():
    BUFFER[0] = 1
