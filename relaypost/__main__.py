"""`python -m relaypost`."""

from relaypost.cli.main import main

main()
