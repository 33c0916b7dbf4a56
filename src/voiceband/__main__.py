"""`python -m voiceband`: the `voiceband` command."""

from voiceband.cli import main

if __name__ == "__main__":
    main()
