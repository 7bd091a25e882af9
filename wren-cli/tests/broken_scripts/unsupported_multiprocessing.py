# expect: UNSUPPORTED_IMPORT at 2:1: the process executor has it: set `executor = "process"` in the `[tool.wren]` block
from multiprocessing import Pool

import wren


def square(number):
    return number * number


@wren.on_schedule("0 2 * * *")
def crunch():
    with Pool(4) as pool:
        return pool.map(square, range(10))
