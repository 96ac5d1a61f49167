"""Start a janitor: python -m wavemill_janitor run."""

from wavemill_janitor.cli import main

if __name__ == "__main__":
    main()
