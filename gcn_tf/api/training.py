"""What `gcn-tf train` and `gcn_tf.train` do alike: plan, train, export, report."""

from collections.abc import Callable, Collection
from pathlib import Path

from gcn_tf.config.schema import RunConfig
from gcn_tf.evaluation.report import write_report
from gcn_tf.pipelines.folder.fill import Fill
from gcn_tf.pipelines.folder.problems import FILE as PROBLEMS
from gcn_tf.pipelines.folder.problems import problems_listed, unreadable_listed
from gcn_tf.planning.plan import Plan, make_plan
from gcn_tf.runs.run_dir import Run, open_run, write_run
from gcn_tf.synthesis.saved_model import check_replaceable, export_model
from gcn_tf.training.devices import strategy_of
from gcn_tf.training.fit import fit
from gcn_tf.training.jit import with_jit
from gcn_tf.training.prepare import prepare
from gcn_tf.training.resume import check_factors
from gcn_tf.training.team import Team


def planned(
    config: RunConfig, given: Collection[str], say: Callable[[str], None], run_dir: Path | None = None
) -> Plan | None:
    """Plan a run on own pictures, and say how; None for other datasets, and if a preset is given.

    Args:
        given: names of the settings that stay as they are.
        say: called with lines for the user.
        run_dir: folder of the run, where pictures that cannot be read are listed; None: nowhere.
    """
    if not config.options.planned or "preset" in given:
        return None
    with unreadable_listed(run_dir / PROBLEMS if run_dir else None):
        plan = make_plan(config, given)
    for line in plan.lines():
        say(line)
    return plan


def train_run(
    config: RunConfig,
    run_dir: Path,
    say: Callable[[str], None],
    plan: Plan | None = None,
    resumed: bool = False,
    report: bool = True,
    devices: str = "",
    team: Team | None = None,
) -> Run:
    """Train a run from its newest checkpoint, or from the beginning, export its SavedModel and write its report.

    Args:
        run_dir: a folder that was checked and locked.
        say: called with lines for the user.
        plan: where the settings are from, if they were planned; it is written into the run.
        resumed: whether the run was there before.
        report: whether the report is written.
        devices: as `gcn_tf.training.devices.strategy_of` takes them.
        team: the workers that train together, of which this is the chief; `devices` do not count then.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the run was saved.
        UserError: bad settings, data or files.
    """
    check_replaceable(run_dir / "model")
    problems = run_dir / PROBLEMS
    with unreadable_listed(problems):
        prepared = prepare(config, strategy=None if team else strategy_of(devices, config), team=team)
    prepared = with_jit(prepared, resumed or team is not None, say)
    split = prepared.split
    if resumed:
        check_factors(run_dir, prepared)
    write_run(prepared.config, split.dataset.space, run_dir)
    if plan:
        plan.write(run_dir / "plan.yaml")
    seen, unseen = len(split.rows(unseen=False)), len(split.rows(unseen=True))
    say(f"{prepared.config.dataset}: {seen} cells seen, {unseen} unseen; {run_dir}")
    fill = Fill.of(split.ids[split.rows(unseen=False)], split.dataset.space)
    for note in (*fill.warnings(), *split.notes, *problems_listed(split.dataset.problems, problems)):
        say(note)
    model = fit(prepared, run_dir, say=say)
    if team:
        team.finish()
    several = prepared.strategy.num_replicas_in_sync > 1
    run = open_run(run_dir) if several else prepared.run(run_dir, model)
    say(f"SavedModel: {export_model(run, run_dir / 'model')}")
    if report:
        write_report(run, split)
    return run
