"""`python main.py ARGS` is `syphus run ARGS`, or `syphus ARGS` where these begin with a command."""

import sys

if __name__ == "__main__":
    try:
        from importlib.util import find_spec
        from pathlib import Path

        from syphus.cli import main

        if find_spec("typer") is None:
            sys.stderr.write(
                f"syphus: {sys.executable} lacks the packages that Syphus needs: after `make demo` "
                "use .venv/bin/python (or `. .venv/bin/activate`), else `pip install '.[local]'`\n"
            )
            sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(3)
    main(command="run", beside=Path(__file__).parent)
