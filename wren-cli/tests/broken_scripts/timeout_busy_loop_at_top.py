# expect: IMPORT_TIMEOUT at 6: move slow work from the top of the script into the function that the trigger calls
import itertools

import wren

PRIMES = [n for n in itertools.count(2) if n < 100 and all(n % d for d in range(2, n))]


@wren.on_schedule("@daily")
def show():
    return PRIMES
