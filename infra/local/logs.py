"""Where log lines go: everything into a file, what went wrong also to the terminal, one line each."""

import logging
import sys
from pathlib import Path
from typing import TextIO


class _OneLine(logging.Formatter):
    """Without the traceback, which is in the file."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None and str(record.exc_info[1]) not in text:
            text = f"{text} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        return f"{record.levelname.lower()}: {' '.join(text.split())}"


def set_up(file: Path, *, fresh: bool = False) -> TextIO:
    """Send log lines and the functions' standard output to `file`; return the terminal to print on."""
    # CloudWatch does the same: what a function prints is its log, not the operator's terminal
    terminal, sys.stdout = sys.stdout, file.open("w" if fresh else "a", encoding="utf-8", buffering=1)
    kept = logging.StreamHandler(sys.stdout)
    kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    seen = logging.StreamHandler(sys.stderr)
    seen.setFormatter(_OneLine())
    seen.setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, handlers=[kept, seen], force=True)
    for chatty in ("botocore", "pynamodb"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return terminal
