"""Every role on every subcommand: allowed and refused as the page on roles says."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.commands import dispatch, permission
from jupyter_workflows.errors import EncryptionFailed, NotPermitted
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security.keyrings import KEYS_VARIABLE
from jupyter_workflows.security.rights import ROLES
from jupyter_workflows.security.workspaces import VARIABLE
from jupyter_workflows.session import Session

from ..roles import on_page


def session(folder: Path, role: str) -> Session:
    """A terminal of somebody with this role."""
    (folder / "workspaces.toml").write_text(f'[workspaces.here]\nnamespace = "{NAMESPACE}"\n{role} = ["somebody"]\n')
    (folder / "workspaces.toml").chmod(0o644)
    return Session(home=Home.locate(folder), settings=None)


def test_every_subcommand_has_a_row():
    assert set(on_page("Commands")) == set(dispatch.FUNCTIONS) == set(permission.NEEDED)


@pytest.mark.parametrize("role", ROLES)
def test_subcommands_are_for_the_roles_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str):
    monkeypatch.setenv("JUPYTER_WORKFLOWS_USER", "Somebody")
    here = session(tmp_path, role)
    for subcommand, roles in on_page("Commands").items():
        if role in roles:
            permission.check(here, subcommand)
        else:
            # Nothing was done: what would have been has no arguments.
            with pytest.raises(NotPermitted, match=f"Somebody is {role} in workspace here and has no right"):
                dispatch.run(here, Namespace(subcommand=subcommand))


def test_nobody_acts_for_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUPYTER_WORKFLOWS_USER", "somebody")
    here = session(tmp_path, "admin")
    permission.check(here, "approve", "SOMEBODY")
    with pytest.raises(NotPermitted, match="you are somebody here and can't act as ada"):
        dispatch.run(here, Namespace(subcommand="approve", reviewer="ada"))
    (tmp_path / "workspaces.toml").unlink()
    permission.check(here, "approve", "ada")


def test_an_admin_has_closed_runs_kept_as_long_as_the_file_says(
    own_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JUPYTER_WORKFLOWS_USER", "somebody")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "workspaces.toml"))
    here = Session(home=own_home, settings=None)

    def carried_out(role: str, action: str | None) -> dict[str, Any]:
        text = f'[workspaces.here]\nnamespace = "{NAMESPACE}"\n{role} = ["group:us"]\nretention_days = 3000\n'
        text += "budget.day = { tokens = 1_000 }\n"
        (tmp_path / "workspaces.toml").write_text(text + '[groups]\nus = ["somebody"]\n')
        (tmp_path / "workspaces.toml").chmod(0o644)
        return dispatch.run(here, Namespace(subcommand="workspace", action=action)).data

    seen = carried_out("viewer", None)
    assert seen["roles"] == ["viewer"]
    assert [(each["period"], each["tokens"], each["used"]["tokens"]) for each in seen["budgets"]] == [("day", 1000, 0)]
    with pytest.raises(NotPermitted, match="that takes admin"):
        carried_out("operator", "apply")
    assert carried_out("admin", "apply")["kept_days"] == 3000


def test_a_workspace_for_encrypted_values_takes_no_others(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "workspaces.toml"
    file.write_text(f'[workspaces.here]\nnamespace = "{NAMESPACE}"\nadmin = ["*"]\nencryption = "required"\n')
    file.chmod(0o644)
    monkeypatch.setenv(VARIABLE, str(file))
    with pytest.raises(EncryptionFailed, match="the workspace here is for encrypted values only"):
        Session(home=runtime.home, settings=None).client()
    monkeypatch.setenv(KEYS_VARIABLE, f"test:{'A' * 43}=")
    Session(home=runtime.home, settings=None).client()
