"""`python -m acme_companion` is `acme-companion`."""

import sys

from acme_companion.cli import main

sys.exit(main())
