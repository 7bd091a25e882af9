# expect: IMPORT_ERROR at 8:17: move it into the function that the trigger runs
import wren
from wren import gmail


@wren.on_schedule("0 8 * * *")
def inbox_zero():
    for mail in gmail.inbox(unread=True):
        print(mail.subject)


inbox_zero()
