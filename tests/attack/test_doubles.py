"""Two commands on one folder at the same time: both are right, or one is refused in a line, and what is left is whole."""

import pytest
from attacks import WORDS, check, contents, refused_in_a_line

LONGER = "train --resume run --steps 8"
OTHER_SET = "augment run --blend writer --limit 60 --part-size 30 --format tfds --out set"
IN_RUN = ("--out search", "--out run"), ("--out study", "--out run")
PAIRS = {
    "two new runs": (WORDS["train"], WORDS["train"] + " --seed 1"),
    "two resumes": (LONGER, LONGER),
    "resume and new run": (LONGER, WORDS["train"]),
    "resume and evaluate": (LONGER, WORDS["evaluate"]),
    "resume and export": (LONGER, "export run"),
    "resume and generate": (LONGER, WORDS["generate"]),
    "resume and augment": (LONGER, WORDS["augment tfds"]),
    "two reports": (WORDS["evaluate"], WORDS["evaluate"]),
    "two exports": (WORDS["export"], WORDS["export"]),
    "two pictures": (WORDS["generate"], WORDS["generate"]),
    **{f"two sets, {kind}": (WORDS[f"augment {kind}"],) * 2 for kind in ("tfds", "folders", "tfrecord")},
    "two different sets": (WORDS["augment tfds"], OTHER_SET),
    "two searches": (WORDS["tune"], WORDS["tune"]),
    "two studies": (WORDS["study"], WORDS["study"]),
    "search and study": (WORDS["tune"], WORDS["study"].replace("--out study", "--out search")),
    "search and run": (WORDS["tune"].replace(*IN_RUN[0]), WORDS["train"]),
    "study and run": (WORDS["study"].replace(*IN_RUN[1]), WORDS["train"]),
    "set and run": (WORDS["augment tfds"].replace("run", "start", 1).replace("set", "run"), WORDS["train"]),
}
FROM_NOTHING = {"two new runs", "search and run", "study and run", "set and run"}


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once_are_right_or_refused(pair, zygote, begin):
    first, second = PAIRS[pair]
    folder = begin("train" if pair in FROM_NOTHING else "evaluate", "both")
    if pair == "set and run":
        (begin("evaluate", "other") / "run").rename(folder / "start")
    answer = zygote(first, folder, beside=[second.split()])
    assert set(answer.codes) <= {0, 2}, answer.said
    assert 0 in answer.codes, answer.said
    assert "Traceback" not in answer.said
    if 2 in answer.codes:
        assert refused_in_a_line(answer.said)
    if (folder / "run/config.yaml").exists():
        check(zygote("evaluate run --verify", folder))
    if (folder / "set/plan.json").exists() and "resume" not in pair:
        words = next(
            w for w, code in zip((first, second), answer.codes, strict=True) if not code and "set" in w
        )
        check(zygote(words + " --verify", folder))
    left = [path.name for path in folder.rglob("*")]
    assert not [name for name in left if name.startswith(("partial-", "replaced-")) or name == ".lock"]


@pytest.mark.long
def test_two_of_the_same_give_what_one_gives(zygote, begin):
    for work in ("augment tfds", "augment folders", "augment tfrecord", "generate", "evaluate", "export"):
        alone, both = begin(work, "alone"), begin(work, "both")
        check(zygote(WORDS[work], alone))
        check(zygote(WORDS[work], both, beside=[WORDS[work].split()]))
        assert contents(both) == contents(alone)
        for folder in (alone, both):
            folder.rename(folder.with_name(f"{folder.name}-{work}"))
