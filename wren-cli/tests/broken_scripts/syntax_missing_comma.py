# expect: SYNTAX_ERROR at 8:5: is a comma missing at the end of the line before?
import wren
from wren import http

SOURCES = [
    {"name": "hn", "url": "https://hn.example.com/top.json"},
    {"name": "lobsters", "url": "https://lobsters.example.com/hottest.json"}
    {"name": "reddit", "url": "https://reddit.example.com/r/rust.json"},
]


@wren.on_schedule("0 7 * * *")
def collect():
    return {source["name"]: len(http.get(source["url"]).json()) for source in SOURCES}
