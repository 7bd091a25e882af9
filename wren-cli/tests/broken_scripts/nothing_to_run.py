# expect: INVALID_METADATA: define a function and decorate it, as in `@wren.on_schedule("0 9 * * *")`
import wren

TEXT = "hello"
print(TEXT)
