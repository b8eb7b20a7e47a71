"""Output of commands: any terminal, pipe or file, without a run ever ending by it."""

import codecs
import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PLAIN = {"‖": "|", "–": "-", "—": "-", "×": "x", "·": ".", "…": "...", "→": "->", "±": "+-"}
"""Stand-ins for what a terminal cannot show; letters lose their accents, and others are a ?."""


def _encode_replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode the letters that a stream's own encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    if all("\udc80" <= letter <= "\udcff" for letter in letters):
        # Bytes of a path that Python could not read: they go out as they came in.
        return bytes(ord(letter) - 0xDC00 for letter in letters), error.end
    return "".join(map(_ascii, letters)), error.end


def _ascii(letter: str) -> str:
    if letter in PLAIN:
        return PLAIN[letter]
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"


codecs.register_error("dreamrl-plain", _encode_replacement)


class Stream:
    """A stream that fails at most once: what is printed after that goes nowhere.

    The training that writes to it goes on; whoever owns the stream asks for `failed` at the end.
    """

    def __init__(self, stream: Any):
        self.stream = stream
        self.failed: OSError | None = None

    def write(self, text: str) -> int:
        if self.failed is None:
            try:
                self.stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self.failed is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._give_up(error)

    def move(self) -> None:
        """Print where it does, but leave its number to the error output: libraries write there."""
        stream = self.stream
        with contextlib.suppress(OSError, ValueError):  # It has no number.
            stream.flush()
            number = stream.fileno()
            copy = os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=stream.errors)
            copy.reconfigure(line_buffering=stream.isatty())
            os.dup2(2, number)
            self.stream = copy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _give_up(self, error: OSError) -> None:
        self.failed = error
        # Python flushes what is left at its exit, and would fail again.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def streams() -> Iterator[tuple[Stream, Stream]]:
    """Wrap stdout and stderr in a `Stream` each, for as long as a command runs."""
    _open_closed_ones()
    out, err = sys.stdout, sys.stderr
    pair = Stream(out), Stream(err)
    with contextlib.ExitStack() as stack:
        for stream in (out, err):
            stack.enter_context(_showing_anything(stream))
        stack.enter_context(contextlib.redirect_stdout(pair[0]))
        stack.enter_context(contextlib.redirect_stderr(pair[1]))
        try:
            yield pair
        finally:
            for stream in pair:
                stream.flush()


@contextlib.contextmanager
def _showing_anything(stream: Any) -> Iterator[None]:
    if not hasattr(stream, "reconfigure"):
        yield
        return
    errors = stream.errors
    stream.reconfigure(errors="dreamrl-plain")
    try:
        yield
    finally:
        stream.reconfigure(errors=errors)


def _open_closed_ones() -> None:
    """Give a process started without stdout or stderr a place to print to.

    Else the next file that is opened, as a run's, would have their number.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                while (handle := os.open(os.devnull, os.O_RDWR)) < number:
                    pass
                if handle > number:
                    os.close(handle)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def can_redraw(console: "Console") -> bool:
    """Return whether a panel can be drawn anew in place: on a real terminal that moves its cursor.

    Colours may be asked for in a file, too (FORCE_COLOR, TTY_COMPATIBLE): there lines are lines.
    """
    try:
        real = console.file.isatty()
    except ValueError:  # It is closed.
        return False
    return real and console.is_interactive and not console.is_dumb_terminal
