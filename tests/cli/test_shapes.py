"""The published schemas are those of the values that are written, and can refuse something."""

from __future__ import annotations

import json

import jsonschema
import pytest

from reviewbot.presentation.machine_forms import published
from tests.cli.schemas import FOLDER, assert_fits


def test_docs_hold_the_schemas_of_today() -> None:
    """`python -m reviewbot.presentation.machine_forms docs/schemas` writes them anew."""
    kept = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    del kept["policy-tests.json"]  # the editors' own, made by `policy schema`
    assert kept == published()


@pytest.mark.parametrize("name", sorted(published()))
def test_each_is_a_schema_that_nothing_fits_by_chance(name: str) -> None:
    """Its form is right, and an object of another kind is refused."""
    schema = json.loads(published()[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    for wrong in ({}, {"schema": "reviewbot.other/1"}, []):
        with pytest.raises(jsonschema.ValidationError):
            assert_fits(name.removesuffix(".json"), wrong)
