# expect: SYNTAX_ERROR at 7:1: this is a mark of a merge conflict: resolve it
# expect: SYNTAX_ERROR at 9:1: this is a mark of a merge conflict: resolve it
# expect: SYNTAX_ERROR at 11:1: this is a mark of a merge conflict: resolve it
import wren


<<<<<<< HEAD
@wren.on_schedule("0 9 * * *")
=======
@wren.on_schedule("0 10 * * *")
>>>>>>> new-time
def digest():
    print("digest")
