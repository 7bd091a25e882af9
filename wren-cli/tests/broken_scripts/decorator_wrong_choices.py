# expect: INVALID_METADATA at 7:42: give `overlap` one of `skip`, `queue`, `allow` and `cancel_previous`
# expect: INVALID_METADATA at 7:59: give `catch_up` one of `latest`, `all` and `none`
# expect: INVALID_METADATA at 7:74: give `delivery` one of `at_least_once` and `at_most_once`
import wren


@wren.on_schedule("*/5 * * * *", overlap="wait", catch_up=True, delivery="exactly_once")
def import_orders():
    print("orders")
