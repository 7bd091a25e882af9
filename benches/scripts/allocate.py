def main():
    # Written to, so that the kernel has to provide it.
    held = bytearray(8 << 20)
    for place in range(0, len(held), 4096):
        held[place] = 1
    return len(held)
