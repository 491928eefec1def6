"""Whose token a request bears: one that was made here, or one of an issuer that the file of workspaces names."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime

from ..errors import JupyterWorkflowsError
from ..local.paths import Home
from ..schema.publishing import CallerToken
from ..security.oidc import Verifier
from ..security.rights import DECIDE, allowed
from ..security.workspaces import WorkspacesFile
from .callers import recognised

log = logging.getLogger(__name__)


class Recognised:
    """Gives the token of a text, while it is good; blocks while an issuer's keys are read.

    Args:
        home: Where the hashes of tokens are stored.
        namespace: Temporal's namespace, in which roles count.
    """

    def __init__(self, home: Home, namespace: str) -> None:
        self.home = home
        self.namespace = namespace
        self.workspaces = WorkspacesFile.of_home(home.data)
        self.verifier = Verifier({})

    def __call__(self, text: str) -> CallerToken | None:
        """The token; None where it is none, and the log says why an issuer's does not count."""
        # Of a JWT's three parts, none holds a dot; a token of ours has none.
        if text.count(".") != 2:
            return recognised(self.home, text)
        try:
            return self.signed_in(text)
        except JupyterWorkflowsError as error:
            log.warning("nobody is signed in: %s", error)
            return None

    def signed_in(self, text: str) -> CallerToken | None:
        """Whom an issuer has signed in; roles say what they may.

        Raises:
            IdentityRefused: The token does not count.
            WorkspacesInvalid: The file can't be used.
        """
        found = self.workspaces.read()
        if found is None or not found.issuers:
            return None
        if self.verifier.issuers != {issuer.issuer: issuer for issuer in found.issuers.values()}:
            self.verifier = Verifier(found.issuers)
        person = self.verifier.person(text)
        return CallerToken(
            id=hashlib.sha256(person.name.encode("utf-8", "surrogatepass")).hexdigest()[:8],
            caller=person.name,
            sha256="",
            made_by="an issuer",
            made_at=datetime.now(UTC),
            may_decide=allowed(found.roles_of(person, self.namespace), DECIDE),
            groups=sorted(person.groups),
        )
