"""``python -m dcmturbo``."""

from dcmturbo.cli import main

raise SystemExit(main())
