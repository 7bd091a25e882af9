# expect: MEMORY_LIMIT at 7:14: work on smaller pieces at a time, or raise `memory` in the `[tool.wren]` block
import wren

SIZE = 50_000

# All pairs at once, so that a lookup is fast.
DISTANCES = [[0.0] * SIZE for _ in range(SIZE)]


@wren.on_schedule("@daily")
def check():
    return DISTANCES[0][1]
