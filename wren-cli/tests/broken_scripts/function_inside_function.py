# expect: FUNCTION_NOT_FOUND at 7:6: move the function to the top level of the script
import wren
from wren import http


def register(url):
    @wren.on_schedule(every="5m")
    def probe():
        return http.get(url).status_code

    return probe


for site in ["https://a.example.com", "https://b.example.com"]:
    register(site)
