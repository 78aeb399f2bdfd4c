"""The files that ``harness gate`` writes for others to read: JUnit XML, and what GitHub Actions takes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli._gate_told import json_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.causes.results import Why
    from harness.comparison.decide import Decision
    from harness.comparison.forecast import Forecast
    from harness.errors import HarnessError, Mark


class Outputs:
    """The files that a gate writes for others to read."""

    def __init__(self, suite: str | None, junit: Path | None, github: Path | None) -> None:
        # All of them absolute: an adapter may go to another folder meanwhile.
        self._here = Path.cwd()
        self._suite = str(Path(suite).absolute()) if suite and Path(suite).is_file() else suite
        self._github = github and github.absolute()
        self._junit = [file.absolute() for file in (junit, github / "junit.xml" if github else None) if file]

    def decided(self, forecasts: "Sequence[Forecast]", decision: "Decision") -> None:
        """Write what the gate decided; print annotations where GitHub reads them."""
        from harness.report.github import annotations, write_github

        text = self._written(forecasts, decision)
        if self._github:
            write_github(text, decision.verdict, decision.exit_code, self._github)
            for line in annotations(decision, self._places(), self._here):
                click.echo(line)

    def explained(self, forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why") -> None:
        """Add why the gate fails to what others read."""
        from harness.report.github import COMMENT, because, summarise

        text = self._written(forecasts, decision, found)
        if self._github:
            (self._github / COMMENT).write_text(text, encoding="utf-8")
            summarise("\n\n".join(because(found)))

    def _written(self, forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why | None" = None) -> str:
        """Write JUnit and JSON, as far as they are wanted, and return the comment; nothing where GitHub reads none."""
        from harness.report.github import comment
        from harness.report.junit import junit

        if self._junit:
            self._write_junit(junit(decision, self._places(), found))
        if not self._github:
            return ""
        (self._github / "gate.json").write_text(json_of(forecasts, decision, found) + "\n", encoding="utf-8")
        return comment(decision, forecasts, why=found)

    def _places(self) -> "Sequence[Mark]":
        from harness.gates.places import gate_places

        return gate_places(self._suite) if self._suite else []

    def failed(self, adapter: str | None, error: "HarnessError") -> None:
        """Write why there is no decision."""
        from harness.report.junit import junit_failure

        suite, adapter = Path(self._suite or "runs").stem, Path(adapter or "candidate").stem
        if self._junit:
            self._write_junit(junit_failure(suite, error))
        if self._github:
            from harness.report.github import failure_comment, write_github
            from harness.report.github_safe import command as workflow_command

            write_github(failure_comment(suite, adapter, error), "error", error.exit_code, self._github)
            click.echo(workflow_command("error", str(error), {"title": f"gate of {suite}"}))

    def _write_junit(self, text: str) -> None:
        for file in self._junit:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
