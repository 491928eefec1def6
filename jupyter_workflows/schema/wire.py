"""What all wire types share, and a place in the notebook."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Wire(BaseModel):
    """What all wire types share: immutable, and an unknown field is an error.

    Validators are built on first use: importing the package stays cheap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class CellLocation(Wire):
    """A place in the notebook: a cell as the user knows it, and a line of it."""

    cell_id: str = Field(description="The notebook's own id of the cell")
    cell_number: int | None = Field(default=None, description="The cell's execution count, as in `In [7]`")
    line: int = Field(description="Line in the cell, the first is 1")
    column: int | None = Field(default=None, description="Column in the line, the first is 1")
    source_line: str | None = Field(default=None, description="The text of the line")

    def __str__(self) -> str:
        cell = f"cell [{self.cell_number}]" if self.cell_number is not None else f"cell {self.cell_id}"
        return f"{cell} line {self.line}"
