"""`python main.py ARGS` is `syphus run ARGS`."""

from pathlib import Path

from syphus.cli import main

if __name__ == "__main__":
    main(command="run", beside=Path(__file__).parent)
