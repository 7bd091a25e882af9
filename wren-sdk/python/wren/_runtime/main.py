"""The process executor's entry: ``python3 -I -S -B main.py FD``.

Python never caches the byte code of the script it is started with, so this file stays tiny and all else is imported.
"""

import sys

# With -I neither this file's folder nor the working directory is on the path. `os.path` would be one more import.
sys.path.insert(0, __file__.rsplit("/", 3)[0])

from wren._runtime.process import main

if __name__ == "__main__":
    main(int(sys.argv[1]))
