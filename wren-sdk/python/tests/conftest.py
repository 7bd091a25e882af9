"""Drives sessions the way the process executor does: a real interpreter, a real socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

SDK = Path(__file__).resolve().parent.parent
MAIN = SDK / "wren" / "_runtime" / "main.py"

sys.path.insert(0, str(SDK))

CONTEXT = {
    "run_id": "run_1",
    "deployment_id": "dep_1",
    "deployment_name": "test",
    "revision": 3,
    "trigger": "schedule",
    "trigger_id": "trg_1",
    "func": "main",
    "scheduled_for": "2026-03-01T09:00:00.123456789Z",
    "attempt": 2,
    "idempotency_key": "key_1",
    "correlation_id": "corr_1",
    "timezone": "Europe/Dublin",
}

Host = Callable[[str, dict], Any]


class HostError(Exception):
    """Makes the host answer a call with an error."""

    def __init__(self, **wire: Any) -> None:
        super().__init__(wire)
        self.wire = wire


class Session:
    """What one session sent, and how its process ended."""

    def __init__(self) -> None:
        self.frames: list[dict] = []
        self.raw_stdout = b""
        self.raw_stderr = b""
        self.status: int | None = None

    def text(self, stream: str) -> str:
        return "".join(f["d"] for f in self.frames if f["t"] == "log" and f["s"] == stream)

    @property
    def stdout(self) -> str:
        return self.text("stdout")

    @property
    def stderr(self) -> str:
        return self.text("stderr")

    @property
    def last(self) -> dict:
        ends = [f for f in self.frames if f["t"] in ("result", "inspection")]
        assert len(ends) == 1, (self.frames, self.raw_stderr.decode())
        assert self.frames[-1] is ends[0]
        return ends[0]

    @property
    def ok(self) -> Any:
        assert "ok" in self.last, self.last
        return self.last["ok"]

    @property
    def error(self) -> dict:
        assert self.last.get("error"), self.last
        return self.last["error"]


def refuse(op: str, args: dict) -> Any:
    raise HostError(type="AgentFixableError", code="INVALID_REQUEST", message=f"no {op}")


def reject_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def serve(script: str, host: Host = refuse, *, mode: str = "run", before: str = "", **job: Any) -> Session:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    # As the executor does, the job's descriptor keeps its number in the child.
    command = [sys.executable, "-I", "-S", "-B", str(MAIN), str(theirs.fileno())]
    if before:
        command = ["/bin/sh", "-c", before + ' exec "$@"', "sh", *command]
    process = subprocess.Popen(
        command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    theirs.close()
    session = Session()
    lock = threading.Lock()

    def send(frame: dict) -> None:
        body = json.dumps(frame).encode()
        with lock:
            ours.sendall(len(body).to_bytes(4, "big") + body)

    def answer(frame: dict) -> None:
        try:
            reply = {"ok": host(frame["op"], frame["args"])}
        except HostError as error:
            reply = {"error": error.wire}
        try:
            send({"t": "reply", "id": frame["id"], **reply})
        except OSError:
            # The run abandoned the call and has ended.
            pass

    def take(size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = ours.recv(size - len(data))
            if not chunk:
                return b""
            data += chunk
        return data

    full = {"t": "job", "v": 1, "mode": mode, "script": script, "filename": "script.py", "argv_path": []}
    if mode == "run":
        full.update(func="main", trigger="schedule", event=None, context=CONTEXT)
    full.update(job)
    outputs: list[bytes] = []
    collector = threading.Thread(target=lambda: outputs.extend(process.communicate(timeout=60)))
    collector.start()
    try:
        hello = take(int.from_bytes(take(4), "big"))
        # A command before the interpreter's may have ended instead.
        if hello:
            assert json.loads(hello) == {"t": "hello", "v": 1}
            send(full)
        while True:
            header = take(4)
            if not header:
                break
            body = take(int.from_bytes(header, "big"))
            assert len(body) <= 8 * 1024 * 1024
            # Strict, as the executor's parser is: UTF-8, no NaN, no lone surrogate.
            frame = json.loads(body.decode("utf-8"), parse_constant=reject_constant)
            json.dumps(frame, ensure_ascii=False).encode("utf-8")
            session.frames.append(frame)
            if frame["t"] == "call":
                threading.Thread(target=answer, args=(frame,), daemon=True).start()
    finally:
        ours.close()
        collector.join()
    session.raw_stdout, session.raw_stderr = outputs
    session.status = process.returncode
    # The protocol's promise, in every session of every test.
    assert session.status != 0 or session.last, session.raw_stderr
    return session


def inspect(script: str, **job: Any) -> Session:
    return serve(script, mode="inspect", **job)


@pytest.fixture(autouse=True)
def clean_registry() -> Any:
    from wren import _host, registry

    registry.clear()
    yield
    registry.clear()
    _host.end()


class FakeChannel:
    """Records calls and answers them from a function."""

    forked = False

    def __init__(self, answer: Host) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict]] = []
        self.frames: list[dict] = []

    def send(self, frame: dict) -> None:
        self.frames.append(frame)

    def call(self, op: str, args: dict) -> Any:
        self.calls.append((op, args))
        return self.answer(op, args)


@pytest.fixture
def host() -> Any:
    from wren import _host

    def connect(answer: Host) -> FakeChannel:
        channel = FakeChannel(answer)
        _host.begin(channel, CONTEXT, inspecting=False)
        return channel

    return connect
