# expect: SYNTAX_ERROR at 15:15: write `async def` for the function around it: a handler may be one
import asyncio

import wren
from wren import http


async def fetch(url):
    return http.get(url).json()


@wren.on_schedule(every="30m")
def gather():
    urls = ["https://api.example.com/a", "https://api.example.com/b"]
    results = await asyncio.gather(*(fetch(url) for url in urls))
    return results
