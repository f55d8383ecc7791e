"""The errors a user can act on, each named after who mends it.

The command line prints the message of a `HarnessError` as one line and exits; every other exception is a bug
and keeps its traceback.
"""


class HarnessError(Exception):
    """Something the user can mend; the message says what, where, what was expected and what to do."""


class ConfigError(HarnessError):
    """The experiment file, an option or the place to write to has to be mended."""


class RunChangedError(ConfigError):
    """A run cannot go on, as something is no longer what it began with."""


class DatasetError(HarnessError):
    """A data file or a label file has to be mended."""


class PromptError(HarnessError):
    """A prompt template has to be mended."""


class ClassifierError(HarnessError):
    """A classifier as a whole cannot work: no weights, no endpoint, a wrong key, an unknown model."""


class EndpointError(ClassifierError):
    """The endpoint of a classifier refuses every call, or has answered none."""
