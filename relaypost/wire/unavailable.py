"""What the protocol has and this server does not, yet: refused with a clear text, never ignored.

Each function goes when its feature comes.
"""

from collections.abc import Mapping

from relaypost.domain.errors import Invalid


def refuse_workflow(texts: Mapping[str, str], prefix: str) -> None:
    """A message belongs to a workflow run when it has both headers (workflow API, 1.3)."""
    if "Workflow-Runid" in texts and "Workflow-Init" in texts:
        raise Invalid(f"invalid {prefix}Workflow-RunId: workflows are not available yet")
