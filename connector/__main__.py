"""`python -m connector`: the command, where its script is not on the path."""

from connector.commands import main

if __name__ == "__main__":
    main()
