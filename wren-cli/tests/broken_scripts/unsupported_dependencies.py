# expect: UNSUPPORTED_IMPORT at 4: use Python's standard library and the `wren` package (`wren.http` for requests), and
# /// script
# requires-python = ">=3.11"
# dependencies = ["httpx", "beautifulsoup4>=4.12"]
# ///
import httpx
from bs4 import BeautifulSoup

import wren


@wren.on_schedule("0 8 * * *")
def headlines():
    page = httpx.get("https://news.example.com").text
    return [item.text for item in BeautifulSoup(page, "html.parser").select("h2")]
