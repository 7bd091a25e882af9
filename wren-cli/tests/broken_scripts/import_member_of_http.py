# expect: IMPORT_ERROR at 3:1: wren.http has: HTTPError, Headers, Response, delete, get, head, patch, post, put, request
import wren
from wren.http import Session

session = Session()


@wren.on_schedule(every="2h")
def crawl():
    return session.get("https://example.com").status_code
