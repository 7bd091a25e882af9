# expect: FUNCTION_SIGNATURE at 8:20: write `def lambda_handler():`; what a run knows of itself is in `wren.context()`
import json

import wren


@wren.on_schedule("0 * * * *")
def lambda_handler(event, context):
    print(json.dumps(event))
    return {"statusCode": 200}
