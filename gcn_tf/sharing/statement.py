"""What the owner of a run states when it is handed on: the licence of the pictures, whether they show people, their consent."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gcn_tf.config.data import Terms
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object
from gcn_tf.runs.bundle import ABOUT, REMEDY, is_bundle

NOT_STATED = "not stated"
LICENCE_FILE = "LICENSE-DATA"
# Ids of licences that the Hugging Face Hub knows and that pictures come under; others are "other" there, with a name and a file.
HUB_LICENCES = {
    *("apache-2.0", "mit", "isc", "bsd", "bsd-2-clause", "bsd-3-clause", "unlicense", "wtfpl", "cc"),
    *("cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0"),
    *(
        "cdla-permissive-2.0",
        "pddl",
        "odc-by",
        "odbl",
        "gpl-2.0",
        "gpl-3.0",
        "agpl-3.0",
        "lgpl-3.0",
        "mpl-2.0",
    ),
    *("c-uda", "etalab-2.0", "eupl-1.2"),
}


@dataclass(frozen=True)
class Statement:
    """What is stated of the pictures that a run learned from.

    Args:
        licence: under which they are, in one line.
        people: whether they show people.
        consent: what those people agreed to, in one line.
    """

    licence: str = ""
    people: Literal["", "yes", "no"] = ""
    consent: str = ""

    def or_else(self, other: "Statement") -> "Statement":
        """The same with what another one states where this one states nothing."""
        return Statement(
            self.licence or other.licence, self.people or other.people, self.consent or other.consent
        )

    @property
    def missing(self) -> list[str]:
        """What is not stated, each with the flag that does."""
        found = [] if self.licence else ["under which licence the pictures are (--licence)"]
        found += [] if self.people else ["whether they show people (--people)"]
        return found + ["what these people agreed to (--consent)"] * (
            self.people == "yes" and not self.consent
        )


def of_terms(terms: Terms) -> Statement:
    """What a dataset says itself."""
    people: Literal["", "yes", "no"] = "" if terms.people is None else "yes" if terms.people else "no"
    return Statement(terms.licence, people)


def earlier_statement(run_dir: Path) -> Statement:
    """What was stated of a run that is a bundle itself."""
    if not is_bundle(run_dir):
        return Statement()
    about = read_json_object(run_dir / ABOUT, REMEDY)
    found = Statement(licence=str(about.get("licence", "")), consent=str(about.get("consent", "")))
    people = about.get("people", "")
    return replace(found, people=people) if people in ("yes", "no") else found


def check_may_be_passed_on(config: RunConfig, stated: Statement, pictures: bool) -> None:
    """Raise UserError for a bundle with pictures of a dataset whose terms forbid that, unless a licence is stated."""
    terms = config.options.terms
    if pictures and not terms.passed_on and not stated.licence:
        keeps = "train with --generator deconvolution and " * config.generator.keeps_pictures
        raise UserError(
            f"the pictures of {config.dataset} are {terms.licence}: {keeps}add --without-pictures, or state with --licence what allows "
            "you to"
        )


def hub_licence(statement: Statement, terms: Terms) -> dict[str, Any]:
    """The licence as the metadata of the Hugging Face Hub have it.

    >>> hub_licence(Statement("CC BY 4.0"), Terms())
    {'license': 'cc-by-4.0'}
    >>> hub_licence(Statement("for our school"), Terms())
    {'license': 'other', 'license_name': 'for-our-school', 'license_link': 'LICENSE-DATA'}
    >>> hub_licence(Statement(), Terms())
    {'license': 'unknown'}
    """
    if not statement.licence:
        return {"license": "unknown"}
    own = terms.licence_id if statement.licence == terms.licence else _slug(statement.licence)
    if own in HUB_LICENCES:
        return {"license": own}
    name = _slug(statement.licence)[:60].strip("-") or "see-license-data"
    return {"license": "other", "license_name": name, "license_link": LICENCE_FILE}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def licence_text(statement: Statement, config: RunConfig) -> str:
    """The file about the licence of the pictures."""
    terms = config.options.terms
    by = (
        f"the dataset {config.dataset}"
        if statement.licence == terms.licence
        else "whoever shared this folder"
    )
    lines = [f"Licence of the pictures that this model learned from: {statement.licence or NOT_STATED}."]
    lines += [f"Stated by: {by}."] if statement.licence else ["Ask whoever shared this folder."]
    lines += [f"Made by: {terms.citation}."] if terms.citation else []
    lines.append("What was learned from the pictures, and pictures made with it, may be bound by it as well.")
    return "\n".join(lines) + "\n"
