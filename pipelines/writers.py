"""Which writers: the words of --writers as a number or as ids."""

from gcn_tf.errors import ConfigError, shown

MOST_IDENTITIES = 50_000  # writers or persons; more make no grid that memory holds


def parse_writers(text: str) -> int | tuple[int, ...]:
    """`"10"` as a number of writers; `"115,203"`, or one id with a comma, as ids."""
    try:
        ids = tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        ids = ()
    if not ids or (len(ids) == 1 and ids[0] < 1) or max(map(abs, ids)) > MOST_IDENTITIES:
        raise ConfigError(f"--writers {shown(text)}: give a number such as 10, or ids such as 115,203")
    return ids[0] if len(ids) == 1 and "," not in text else ids


def parse_writer_count(text: str, remedy: str) -> int:
    """`"10"` as 10; raises ConfigError with the remedy for ids."""
    writers = parse_writers(text)
    if not isinstance(writers, int):
        raise ConfigError(f"--writers {text}: {remedy}")
    return writers
