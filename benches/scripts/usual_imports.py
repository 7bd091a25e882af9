# What a script of an agent typically imports: the daily summary that reads an API and mails a report.
import asyncio
import collections
import csv
import dataclasses
import datetime
import decimal
import email.message
import functools
import hashlib
import html
import io
import itertools
import json
import logging
import os
import pathlib
import random
import re
import statistics
import string
import textwrap
import typing
import urllib.parse
import urllib.request
import uuid
import zoneinfo


@dataclasses.dataclass
class Item:
    name: str
    size: int


def main():
    items = [Item(f"item {number}", number) for number in range(100)]
    text = json.dumps([dataclasses.asdict(item) for item in items])
    sizes = [int(size) for size in re.findall(r'"size": ([0-9]+)', text)]
    print(f"{len(items)} items, median {statistics.median(sizes)}")
    return sum(sizes)


if __name__ == "__main__":
    main()
