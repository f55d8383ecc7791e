"""What holds for every test."""

import signal

from tests.browser import chromium, open_page  # noqa: F401  # fixtures
from tests.command import typed  # noqa: F401  # a fixture

# A shell that runs the tests in the background has SIGINT ignored, and so have all processes they start: the
# tests that press Ctrl-C would test nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
