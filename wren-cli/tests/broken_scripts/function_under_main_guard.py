# expect: FUNCTION_NOT_FOUND at 6:6: move the function to the top level of the script
import wren

if __name__ == "__main__":

    @wren.on_schedule("0 9 * * *")
    def daily():
        print("daily")

    daily()
