# expect: FUNCTION_NOT_FOUND at 9:6: move the function to the top level of the script
import wren
from wren import slack


class Reporter:
    channel = "#reports"

    @wren.on_schedule("0 9 * * mon")
    def weekly(self):
        slack.post(self.channel, "weekly report")


reporter = Reporter()
