# expect: INVALID_METADATA at 10:18: write `wren.secret("NAME")` within the function
# expect: INVALID_METADATA at 11:17: write `wren.state["key"]`, which is kept from run to run
# expect: INVALID_METADATA at 12:19: write `wren.http.get(url)` or `wren.http.post(url, json=…)`
# expect: INVALID_METADATA at 13:10: wren has on_schedule, on_email, on_webhook, ai, context, http, integration, secret
import wren


@wren.on_schedule("@hourly")
def sync():
    token = wren.get_secret("CRM_TOKEN")
    page = wren.storage.get("page", 1)
    answer = wren.requests.get("https://crm.example.com/contacts", params={"page": page})
    wren.notify(answer.status_code, token)
