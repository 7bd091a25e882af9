//! What scripts use of Python's library.

use std::sync::Arc;

use serde_json::json;
use wren_core::ErrorCode;
use wren_core::executor::Executor;

use crate::executor::{Feature, Trial};

pub async fn time_passes(executor: Arc<dyn Executor>) {
    let script = "
import datetime, time
def main():
    wall, steady = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    time.sleep(0.05)
    return [time.monotonic() - steady >= 0.05, wall.timestamp()]
";
    let value = Trial::new(script).run(&executor).await.value();
    assert_eq!(value[0], true);
    let (told, now) = (value[1].as_f64().unwrap(), chrono::Utc::now().timestamp() as f64);
    assert!((now - told).abs() < 60.0, "{told} against {now}");
}

pub async fn time_zones_are_known(executor: Arc<dyn Executor>) {
    let script = "
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones
def main():
    seen = {}
    for zone in ('Europe/Dublin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'):
        seen[zone] = [str(datetime(2026, month, 1, tzinfo=ZoneInfo(zone)).utcoffset()) for month in (1, 7)]
    for zone in available_timezones():
        ZoneInfo(zone)
    try:
        ZoneInfo('Europe/Nowhere')
    except KeyError:
        seen['missing'] = True
    return seen
";
    let value = Trial::new(script).run(&executor).await.value();
    assert_eq!(
        value,
        json!({
            "Europe/Dublin": ["0:00:00", "1:00:00"],
            "America/New_York": ["-1 day, 19:00:00", "-1 day, 20:00:00"],
            "Australia/Lord_Howe": ["11:00:00", "10:30:00"],
            "Asia/Kathmandu": ["5:45:00", "5:45:00"],
            "UTC": ["0:00:00", "0:00:00"],
            "missing": true,
        })
    );
}

pub async fn input_is_at_its_end(executor: Arc<dyn Executor>) {
    let script = "
import sys
def main():
    try:
        input('name? ')
    except EOFError:
        return ['end', sys.stdin.read()]
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), json!(["end", ""]));
}

pub async fn logging_is_output(executor: Arc<dyn Executor>) {
    let script = "
import logging
logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')
def main():
    logging.info('one')
    logging.getLogger('wren.test').warning('two')
";
    let ran = Trial::new(script).run(&executor).await;
    assert_eq!(ran.texts(), ["INFO one", "WARNING two"]);
}

pub async fn the_usual_modules_are_there(executor: Arc<dyn Executor>) {
    let script = "
import argparse, asyncio, base64, calendar, collections, contextlib, copy, csv, dataclasses, datetime, decimal, difflib
import email.message, enum, fractions, functools, gzip, hashlib, heapq, hmac, html.parser, http.client, io, ipaddress, itertools
import json, logging.handlers, math, operator, pathlib, pickle, pprint, queue, random, re, secrets, shlex, statistics, string
import struct, tempfile, textwrap, threading, time, tomllib, traceback, types, typing, unicodedata, unittest.mock, urllib.parse
import urllib.request, uuid, warnings, weakref, xml.etree.ElementTree, zipfile, zlib, zoneinfo
from dataclasses import dataclass
from decimal import Decimal
@dataclass
class Point:
    x: int
def main():
    tree = xml.etree.ElementTree.fromstring('<a><b>1</b></a>')
    return [str(Decimal('0.1') + Decimal('0.2')), Point(1).x, tree.findtext('b'), hashlib.sha256(b'').hexdigest()[:8],
            unicodedata.name('ü'), gzip.decompress(gzip.compress(b'ok')).decode(), statistics.median([1, 3, 2])]
";
    let value = Trial::new(script).run(&executor).await.value();
    assert_eq!(value, json!(["0.3", 1, "1", "e3b0c442", "LATIN SMALL LETTER U WITH DIAERESIS", "ok", 2]));
}

pub async fn coroutines_take_turns(executor: Arc<dyn Executor>) {
    let script = "
import asyncio
async def step(name, seen):
    for number in range(2):
        seen.append(f'{name}{number}')
        await asyncio.sleep(0)
async def main():
    seen = []
    async with asyncio.timeout(10):
        await asyncio.gather(step('a', seen), step('b', seen))
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except TimeoutError:
        seen.append('late')
    return seen
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), json!(["a0", "b0", "a1", "b1", "late"]));
}

pub async fn scratch_files_are_there_or_refused(executor: Arc<dyn Executor>) {
    let script = "
import tempfile
def main():
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b'scratch')
            file.seek(0)
            return file.read().decode()
    except OSError as error:
        return 'refused'
";
    let expected = if Feature::ScratchFiles.of(&*executor) { "scratch" } else { "refused" };
    assert_eq!(Trial::new(script).run(&executor).await.value(), expected);
}

pub async fn what_is_not_there_names_the_executor_that_has_it(executor: Arc<dyn Executor>) {
    let threads = "import threading\ndef main():\n    threading.Thread(target=print).start()\n    return 'started'\n";
    let ran = Trial::new(threads).run(&executor).await;
    if Feature::Threads.of(&*executor) {
        assert_eq!(ran.value(), "started");
        return;
    }
    let elsewhere = [
        "import subprocess\ndef main():\n    subprocess.run(['true'])\n",
        "import socket\ndef main():\n    socket.create_connection(('127.0.0.1', 9))\n",
        "import ctypes\ndef main():\n    pass\n",
        "import os\ndef main():\n    os.fork()\n",
        "from concurrent.futures import ThreadPoolExecutor\ndef main():\n    ThreadPoolExecutor().submit(print)\n",
    ];
    let mut errors = vec![ran.error()];
    for script in elsewhere {
        errors.push(Trial::new(script).run(&executor).await.error());
    }
    for error in errors {
        assert_eq!(error.code(), ErrorCode::UnsupportedImport, "{error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains("executor = \"process\"")), "{error:?}");
        assert!(error.location().is_some(), "{error:?}");
    }
}

pub async fn urllib_asks_the_platform_or_nobody(executor: Arc<dyn Executor>) {
    let script = "
import http.client, urllib.error, urllib.request
def main():
    try:
        with urllib.request.urlopen('https://example.com/greeting?a=1', data=b'hello') as answer:
            seen = [answer.status, answer.headers['X-Method'], answer.read().decode()]
        connection = http.client.HTTPSConnection('example.com')
        connection.request('GET', '/greeting')
        answer = connection.getresponse()
        seen += [answer.status, answer.getheader('x-method'), answer.read().decode()]
    except OSError:
        return 'no network'
    try:
        urllib.request.urlopen('https://example.com/missing')
    except urllib.error.HTTPError as error:
        seen.append(error.code)
    return seen
";
    let trial = Trial::new(script);
    let host = trial.host();
    let value = trial.run(&executor).await.value();
    if Feature::UrllibThroughHost.of(&*executor) {
        assert_eq!(value, json!([200, "POST", "hello", 200, "GET", "", 404]));
        assert_eq!(host.calls(), 3);
    } else {
        assert_eq!(value, "no network");
        assert_eq!(host.calls(), 0);
    }
}
