"""``python -m dcmturbo.cli``."""

from dcmturbo.cli import main

raise SystemExit(main())
