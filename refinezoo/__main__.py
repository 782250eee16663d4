"""`python -m refinezoo` is `refinezoo`."""

from refinezoo.cli import main

main()
