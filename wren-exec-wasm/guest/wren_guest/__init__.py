"""The Python side of the WASM executor: what the interpreter needs in a place without files, threads and sockets.

It runs under the CPython of the component only. What both executors share is in the SDK, ``wren._runtime``.
"""
