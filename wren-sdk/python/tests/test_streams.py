from __future__ import annotations

import sys

from conftest import FakeChannel, serve

from wren._runtime.streams import LOG_BYTES, Output, of_channel


def output():
    channel = FakeChannel(lambda op, args: None)
    return channel, Output(*of_channel(channel))


def test_both_streams_keep_the_scripts_order():
    channel, streams = output()
    print("a", file=streams.stdout)
    print("b", file=streams.stderr)
    print("c", file=streams.stdout)
    assert [(f["s"], f["d"]) for f in channel.frames] == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n")]


def test_a_line_without_its_end_is_sent_on_flush_and_at_the_end():
    channel, streams = output()
    streams.stdout.write("half")
    assert channel.frames == []
    streams.stdout.flush()
    streams.stdout.write("more")
    streams.finish()
    assert [f["d"] for f in channel.frames] == ["half", "more"]


def test_a_long_line_is_split_between_characters():
    channel, streams = output()
    line = "é€😀" * 40_000
    print(line, file=streams.stdout)
    assert "".join(f["d"] for f in channel.frames) == line + "\n"
    assert len(channel.frames) > 5
    assert all(len(f["d"].encode()) <= LOG_BYTES for f in channel.frames)


def test_bytes_are_repaired_and_stay_within_the_limit():
    channel, streams = output()
    streams.stdout.buffer.write(b"\xff" * 100_000 + "é".encode()[:1])
    streams.stdout.buffer.flush()
    streams.stdout.buffer.write("é".encode()[1:])
    streams.finish()
    text = "".join(f["d"] for f in channel.frames)
    assert text == "\ufffd" * 100_000 + "é"
    assert all(len(f["d"].encode()) <= LOG_BYTES for f in channel.frames)


def test_an_unfinished_character_is_replaced_at_the_end():
    channel, streams = output()
    streams.stdout.buffer.write(b"a\xc3")
    streams.finish()
    assert "".join(f["d"] for f in channel.frames) == "a\ufffd"


def test_lone_surrogates_are_written_as_escapes():
    channel, streams = output()
    print("\ud800x", file=streams.stdout)
    assert channel.frames[0]["d"] == "\\ud800x\n"


def test_a_closed_stream_is_no_obstacle():
    channel, streams = output()
    streams.stdout.write("last words")
    streams.stdout.close()
    streams.finish()
    assert channel.frames[0]["d"] == "last words"


def test_the_streams_have_the_real_descriptors():
    _, streams = output()
    assert (streams.stdout.fileno(), streams.stderr.fileno(), streams.stdout.isatty()) == (1, 2, False)


def test_scripts_may_use_the_streams_in_every_usual_way():
    session = serve(
        """
import sys, io, contextlib
def main():
    assert sys.stdin.read() == ""
    try:
        input("name? ")
    except EOFError:
        print("no input")
    sys.stdout.buffer.write(b"raw\\n")
    sys.stdout.buffer.flush()
    sys.stdout.reconfigure(line_buffering=False)
    with contextlib.redirect_stdout(io.StringIO()) as caught:
        print("hidden")
    sys.stdout.writelines(["x", "y"])
    sys.stdout = None
    sys.stderr.write("err")
    return caught.getvalue()
"""
    )
    assert session.ok == "hidden\n"
    assert session.stdout == "name? no input\nraw\nxy"
    assert session.stderr == "err"


def test_programs_that_the_script_starts_write_to_the_real_descriptors():
    session = serve(
        f"""
import subprocess, sys
def main():
    subprocess.run([{sys.executable!r}, "-c", "print('child')"], stdout=sys.stdout, check=True)
"""
    )
    assert session.ok is None
    assert session.raw_stdout == b"child\n"
