"""What a call costs: a table of prices that the user sets; without one, costs are not known.

No price list is built in: prices change, and a wrong sum is worse than none.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..authoring.ledger import ledger
from ..errors import BudgetSpent, ModelCallFailed
from ..schema import Usage
from .servers import LOCAL_MODEL

PRICES = "JUPYTER_WORKFLOWS_MODEL_PRICES"


class Price(BaseModel):
    """What one model costs, in the currency of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(default=0.0, ge=0, description="For a million tokens of prompts")
    output: float = Field(default=0.0, ge=0, description="For a million tokens of answers")
    page: float = Field(default=0.0, ge=0, description="For a thousand pages of documents read")

    def of(self, usage: Usage) -> float:
        """The cost of a usage."""
        tokens = usage.input_tokens * self.input + usage.output_tokens * self.output
        return tokens / 1_000_000 + usage.pages * self.page / 1_000


def priced(usage: Usage, *models: str) -> Usage:
    """A usage with its cost by the table in force.

    Args:
        usage: What a call took.
        models: The names of the model: as asked for, as answered. The local one costs nothing.
    """
    price = Price() if LOCAL_MODEL in models else price_of(price_table(), models)
    if price is None:
        return usage.model_copy(update={"cost": None, "unpriced_calls": usage.calls})
    return usage.model_copy(update={"cost": price.of(usage)})


def price_of(table: Mapping[str, Price], models: tuple[str, ...]) -> Price | None:
    """The price of a model; a name in the table may have wildcards, and the first that fits counts."""
    for pattern, price in table.items():
        if any(fnmatch.fnmatchcase(model, pattern) for model in models):
            return price
    return None


def check_priced(*models: str) -> None:
    """Refuses a call whose cost nobody would know, where the workspace counts money.

    Args:
        models: The names of the model that is asked.

    Raises:
        BudgetSpent: The workspace's prices do not name it.
    """
    spent = ledger.get()
    counted = spent is not None and spent.account is not None and spent.account.counts_money
    if counted and price_of(price_table(), models) is None:
        raise BudgetSpent(
            f"the budget of the workspace is one of money, and its prices do not name the model {models[0]}: ask one "
            "that they name, or have an admin add it to the prices in the file of workspaces"
        )


def price_table() -> dict[str, Price]:
    """The table in force: the workspace's, else `JUPYTER_WORKFLOWS_MODEL_PRICES`, JSON or the path of a JSON file.

    Raises:
        ModelCallFailed: The setting can't be read.
    """
    spent = ledger.get()
    if spent is not None and spent.account is not None and spent.account.prices is not None:
        return TypeAdapter(dict[str, Price]).validate_python(spent.account.prices)
    setting = os.environ.get(PRICES, "").strip()
    if not setting:
        return {}
    try:
        text = setting if setting.startswith("{") else Path(setting).expanduser().read_text("utf-8")
        return TypeAdapter(dict[str, Price]).validate_json(text)
    except (OSError, ValidationError) as error:
        example = json.dumps({"mistral-small*": {"input": 0.1, "output": 0.3}})
        raise ModelCallFailed(
            f"{PRICES} can't be read ({str(error).splitlines()[0]}): it is JSON such as {example}, or a file of it",
            kind="bad_settings",
        ) from None
