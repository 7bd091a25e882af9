# expect: FUNCTION_SIGNATURE at 6:11: give `region` a default
import wren


@wren.on_schedule("30 6 * * *")
async def refresh(*, region):
    print("refreshing", region)
