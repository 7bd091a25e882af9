def main():
    print("hello")
    return "hello"


if __name__ == "__main__":
    main()
