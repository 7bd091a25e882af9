# expect: IMPORT_ERROR at 2:1: no packages are installed here: use `from wren import http`, then `http.get(url)`, much
import requests

import wren
from wren import slack

API = "https://api.github.com/repos/rust-lang/rust"


@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin")
def stars():
    repo = requests.get(API, timeout=10).json()
    slack.post("#rust", f"{repo['stargazers_count']} stars")
