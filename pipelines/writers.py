"""Parsing of --writers: a number of writers, or ids."""

from gcn_tf.errors import ConfigError, shown, shown_text

MOST_IDENTITIES = 50_000  # writers or persons; the grid of more would not fit into memory


def parse_writers(text: str) -> int | tuple[int, ...]:
    """Parse `"10"` as a number of writers, and `"115,203"`, or one id with a comma, as ids.

    Raises:
        ConfigError: neither a number nor ids.
    """
    try:
        ids = tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        ids = ()
    if not ids or (len(ids) == 1 and ids[0] < 1) or max(map(abs, ids)) > MOST_IDENTITIES:
        raise ConfigError(f"--writers {shown(text)}: give a number such as 10, or ids such as 115,203")
    return ids[0] if len(ids) == 1 and "," not in text else ids


def parse_writer_count(text: str, remedy: str) -> int:
    """Parse `"10"` as 10; raise ConfigError with the remedy for ids."""
    writers = parse_writers(text)
    if not isinstance(writers, int):
        raise ConfigError(f"--writers {shown_text(text)}: {remedy}")
    return writers
