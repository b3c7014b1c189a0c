"""`python -m crawler` is the `levantwatch` command."""

from crawler.cli import main

if __name__ == "__main__":
    main()
