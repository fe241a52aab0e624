"""`python main.py ARGS` is `syphus run ARGS`."""

import sys

if __name__ == "__main__":
    try:
        from pathlib import Path

        from syphus.cli import main
    except KeyboardInterrupt:
        sys.exit(3)
    main(command="run", beside=Path(__file__).parent)
