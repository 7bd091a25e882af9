# expect: UNKNOWN_INTEGRATION at 4:28: known integrations: anthropic, gmail, openai, slack
import wren

github = wren.integration("github")


@wren.on_schedule("0 9 * * mon-fri")
def pull_requests():
    return github.get("/repos/acme/app/pulls").json()
