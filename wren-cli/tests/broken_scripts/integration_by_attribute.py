# expect: UNKNOWN_INTEGRATION at 8:18: known integrations: anthropic, gmail, openai, slack
# expect: UNKNOWN_INTEGRATION at 9:10: did you mean `slack`?
import wren


@wren.on_schedule("0 18 * * *")
def report():
    mails = wren.outlook.inbox(unread=True)
    wren.slak.post("#mail", str(len(mails)))
