# expect: SYNTAX_ERROR at 3:1: remove the Markdown fence: a script is Python only
# expect: SYNTAX_ERROR at 10:1: remove the Markdown fence: a script is Python only
```python
import wren


@wren.on_schedule("@hourly")
def tick():
    print("tick")
```
