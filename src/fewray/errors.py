"""The two errors a user may see: bad input (exit 2) and a failed run (exit 1)."""


class InputError(ValueError):
    """Bad input. The message is one line: the file or option, the value found, the value wanted, the remedy."""

    exit_code = 2


class RunFailed(RuntimeError):
    """A run that could not go on (non-finite loss, full disk). What was finished before is kept."""

    exit_code = 1
