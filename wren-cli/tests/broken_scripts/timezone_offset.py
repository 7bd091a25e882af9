# expect: INVALID_TIMEZONE at 4:15: an offset is not a zone and knows no summer time: name a place, such as `Europe/Dublin`
# /// script
# [tool.wren]
# timezone = "UTC+2"
# timeout = "2m"
# ///
import wren


@wren.on_schedule("0 9 * * *")
def morning():
    print("morning")
