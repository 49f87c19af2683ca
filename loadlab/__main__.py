"""`python -m loadlab` is the same program as `loadlab`."""

from loadlab.cli import main

if __name__ == "__main__":
    main()
