# expect: IMPORT_ERROR at 13:1: put the call under `if __name__ == "__main__":`
import sys

import wren


@wren.on_schedule("0 9 * * *")
def main():
    print("done")
    return 0


sys.exit(main())
