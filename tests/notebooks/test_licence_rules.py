"""The rules of the licence tour, as plain functions, on the real packages of this environment."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

TOUR = Path(__file__).parents[2] / "notebooks" / "01_review_licences.ipynb"

MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy
of this software ("the Software"), to deal in the Software without restriction {limit}
subject to the following conditions: The above copyright notice and this permission
notice shall be included in all copies or substantial portions of the Software."""
BSD = """# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions are met:
# Redistributions of source code must retain the above copyright notice,
# Redistributions in binary form must reproduce the above copyright notice. {more}"""
NO_ENDORSEMENT = 'Neither the name of "Them" may be used to\n#   endorse or promote products derived from it.'
ADVERTISING = "All advertising materials mentioning features or use of this software must display this."
GPL_NOTICE = """it under the terms of the GNU General Public License as published by
the Free Software Foundation; either version 2 of the License, or any later version."""
SECONDARY = """"Secondary License" means either the GNU General Public License, Version 2.0, or
the GNU Affero General Public License, Version 3.0."""


@pytest.fixture(scope="module")
def tour() -> Any:
    """The notebook's definitions as a module: every code cell before the workflow, magics left out."""
    module = ModuleType("licence_tour")
    sys.modules[module.__name__] = module
    for cell in nbformat.read(TOUR, as_version=4).cells:
        if cell.id == "workflow":
            break
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
            exec(compile("\n".join(lines), f"cell {cell.id}", "exec"), module.__dict__)
    yield module
    del sys.modules[module.__name__]


@pytest.fixture(scope="module")
def reviews(tour: Any) -> dict[str, Any]:
    found = [tour.review_texts(tour.read_texts(package)) for package in tour.installed_packages()]
    return {review.package.name.lower(): review for review in found}


def package(tour: Any, declared: str = "", classifiers: tuple[str, ...] = ()) -> Any:
    return tour.Package(name="example", version="1", declared=declared, classifiers=list(classifiers))


def review_of(tour: Any, text: str, declared: str = "", classifiers: tuple[str, ...] = ()) -> Any:
    texts = [tour.LicenceText(path="LICENSE", own=True, text=text)] if text else []
    return tour.review_texts(tour.PackageTexts(package=package(tour, declared, classifiers), texts=texts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT.format(limit=""), ["MIT"]),
        (MIT.format(limit="").upper(), ["MIT"]),
        (MIT.format(limit="").partition("The above")[0], ["MIT-0"]),
        (MIT.format(limit="and shall be used for Good, not Evil,"), ["JSON"]),
        (BSD.format(more=""), ["BSD-2-Clause"]),
        (BSD.format(more=NO_ENDORSEMENT), ["BSD-3-Clause"]),
        (BSD.format(more=ADVERTISING + NO_ENDORSEMENT), ["BSD-4-Clause"]),
        (BSD.format(more="") + "\n" + BSD.format(more=NO_ENDORSEMENT), ["BSD-2-Clause", "BSD-3-Clause"]),
        (GPL_NOTICE, ["GPL-2.0"]),
        (GPL_NOTICE.replace("version 2", "version 3"), ["GPL-3.0"]),
        (GPL_NOTICE.replace("General", "Lesser General").replace("version 2", "version 2.1"), ["LGPL-2.1"]),
        (f"Mozilla Public License Version 2.0\n{SECONDARY}", ["MPL-2.0"]),
        ("SPDX-License-Identifier: Apache-2.0", ["Apache-2.0"]),
        ("All of it is mine.", []),
    ],
)
def test_identify_names_the_licence_of_a_text(tour: Any, text: str, expected: list[str]):
    found = tour.identify(tour.LicenceText(path="LICENSE", own=True, text=text))
    assert [licence.spdx for licence in found] == expected


def test_identify_quotes_the_original_words(tour: Any):
    text = "Preface: İstanbul “quoted”.\n\n" + BSD.format(more="")
    (licence,) = tour.identify(tour.LicenceText(path="LICENSE", own=True, text=text))
    assert licence.evidence.quote.startswith("Redistribution and use in source and binary forms, with or without")


def test_identify_tells_a_bundled_part_from_the_package_itself(tour: Any):
    text = f"{MIT.format(limit='')}\nThis product bundles the following third-party software:\n{GPL_NOTICE}"
    found = tour.identify(tour.LicenceText(path="LICENSE", own=True, text=text))
    assert [(licence.spdx, licence.own) for licence in found] == [("MIT", True), ("GPL-2.0", False)]


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("MIT License", {"mit"}),
        ("BSD", {"bsd"}),
        ("0BSD", {"0bsd"}),
        ("GNU Lesser General Public License v3 (LGPLv3)", {"lgpl"}),
        ("GPL-2.0-or-later OR MIT", {"gpl", "mit"}),
        ("Apache-2.0 WITH LLVM-exception", {"apache"}),
        ("Mozilla Public License 2.0 (MPL 2.0)", {"mpl"}),
        ("", set()),
    ],
)
def test_families_reads_names_as_people_write_them(tour: Any, name: str, families: set[str]):
    assert tour.families(name) == families


def test_a_choice_of_licences_counts_as_its_mildest(tour: Any):
    dual = f"{GPL_NOTICE}\n{MIT.format(limit='')}"
    assert review_of(tour, dual, declared="GPL-2.0-or-later OR MIT").copyleft == "none"
    assert review_of(tour, dual, declared="GPL-2.0-or-later AND MIT").copyleft == "work"


def test_strong_copyleft_is_not_shipped(tour: Any):
    review = review_of(tour, GPL_NOTICE, declared="GPL-2.0-or-later")
    assert review.verdict.decision == "do not ship"
    assert "publish the source of the whole work under the same licence" in review.verdict.duties


def test_a_package_without_a_text_is_asked_about(tour: Any):
    review = review_of(tour, "", declared="MIT")
    assert review.score >= tour.ASK_ABOVE
    assert review.verdict.duties == ["get the licence text from the project and ship it"]


def test_contradicting_metadata_is_asked_about(tour: Any):
    review = review_of(tour, MIT.format(limit=""), declared="MIT", classifiers=("Apache Software License",))
    assert review.reasons[0].because == "its metadata says MIT and Apache Software License"
    assert review.score >= tour.ASK_ABOVE


def test_risk_stays_between_nothing_and_one(tour: Any):
    assert tour.risk([]) == 0
    assert tour.risk([tour.Reason(weight=0.9, because="a")] * 5) <= 1


def test_every_package_of_the_environment_is_recognised_by_its_texts(tour: Any, reviews: dict[str, Any]):
    unknown = {name for name, review in reviews.items() if not review.licences}
    without_text = {each.name.lower() for each in tour.installed_packages() if not tour.read_texts(each).texts}
    assert len(reviews) - len(without_text) > 90
    assert unknown <= without_text


def test_no_package_of_the_environment_is_taken_for_something_worse_than_it_is(reviews: dict[str, Any]):
    assert {name for name, review in reviews.items() if review.verdict.decision == "do not ship"} == set()


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("certifi", "MPL-2.0"),
        ("jupyterlab", "BSD-3-Clause"),
        ("pandas", "BSD-3-Clause"),
        ("pydantic", "MIT"),
        ("pygments", "BSD-2-Clause"),
        ("requests", "Apache-2.0"),
        ("temporalio", "MIT"),
        ("typing_extensions", "PSF-2.0"),
    ],
)
def test_known_packages_have_their_known_licence(reviews: dict[str, Any], name: str, licence: str):
    assert reviews[name].licences[0] == licence


def test_every_reason_and_duty_of_a_text_comes_with_its_words(reviews: dict[str, Any]):
    for review in reviews.values():
        assert all(obligation.evidence.quote for obligation in review.obligations)
    mpl = reviews["fqdn"]
    assert mpl.reasons[0].evidence.quote.startswith("Mozilla Public License Version 2.0")


def test_question_shows_reasons_words_and_proposal(tour: Any, reviews: dict[str, Any]):
    shown = tour.question(reviews["numpy"])
    assert "May we ship numpy" in shown
    assert "> License: GPL-3.0-or-later WITH GCC-exception-3.1" in shown
    assert "Proposed: **allow with duties**" in shown


def test_register_keeps_one_row_per_package_and_version(tour: Any, reviews: dict[str, Any], tmp_path: Path):
    path = str(tmp_path / "register.sqlite")
    entries = [tour.decided(review, review.verdict, by="the rules") for review in reviews.values()]
    assert tour.write_register(path, entries) == len(reviews)
    before = tour.read_register(path)
    assert tour.write_register(path, entries) == len(reviews)
    assert tour.read_register(path) == before

    changed = entries[0].model_copy(update={"decision": "do not ship", "decided_by": "ada"})
    tour.write_register(path, [changed])
    (row,) = [row for row in tour.read_register(path) if row.package == changed.package]
    assert (row.decision, row.decided_by) == ("do not ship", "ada")
