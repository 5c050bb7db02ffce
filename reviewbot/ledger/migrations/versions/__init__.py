"""One module per released schema; once released, it never changes."""

from __future__ import annotations
