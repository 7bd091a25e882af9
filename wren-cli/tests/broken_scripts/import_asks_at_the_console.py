# expect: IMPORT_ERROR at 5:11: nobody is there to answer: write the value into the script
import wren
from wren import slack

channel = input("Which channel? ")


@wren.on_schedule("0 9 * * *")
def hello():
    slack.post(channel, "Hello")
