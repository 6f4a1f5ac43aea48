"""`--shard`: the numbers of a share, given or taken from the scheduler."""

import pytest

from gcn_tf.augmentation.config import parse_shard
from gcn_tf.errors import ConfigError

ARRAY = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "4"}
INDEXED = {"JOB_COMPLETION_INDEX": "2"}


@pytest.mark.parametrize(
    "text, environment, numbers",
    [
        ("3/16", {}, (3, 16)),
        ("3/16", ARRAY, (3, 16)),
        ("auto", ARRAY, (3, 4)),
        ("auto/8", ARRAY, (3, 8)),
        ("auto/16", INDEXED, (3, 16)),
    ],
)
def test_the_numbers_are_given_or_the_scheduler_s(text, environment, numbers):
    assert parse_shard(text, environment) == numbers


@pytest.mark.parametrize(
    "text, environment", [("auto", {}), ("auto", INDEXED), ("auto/2", INDEXED), ("0/4", ARRAY)]
)
def test_numbers_that_are_missing_or_out_of_range_are_refused(text, environment):
    with pytest.raises(ConfigError, match=f"--shard {text}: "):
        parse_shard(text, environment)
