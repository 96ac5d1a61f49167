"""The same as the command `wavemill`: python -m wavemill_standalone."""

from wavemill_standalone.cli import main

if __name__ == "__main__":
    main()
