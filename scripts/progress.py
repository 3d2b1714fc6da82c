"""Shows jobs as they run: a live line each on a terminal, else a line at each change of phase."""

import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

BAR_WIDTH = 24


@dataclass
class Display:
    """``show`` takes the jobs as the API tells them, by model, in a fixed order."""

    live: bool = field(default_factory=sys.stdout.isatty)
    _drawn: int = 0
    _told: dict[str, str] = field(default_factory=dict)

    def show(self, jobs: dict[str, dict[str, Any]]) -> None:
        """Bring the picture up to date."""
        if self.live:
            self._redraw([line_of(model, job) for model, job in jobs.items()])
            return
        for model, job in jobs.items():
            moment = moment_of(job)
            if self._told.get(model) != moment:
                self._told[model] = moment
                print(f"{model:8}{seconds_of(job):6.1f} s  {moment}", flush=True)

    def _redraw(self, lines: list[str]) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a wrapped line could not be taken back
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        text = "".join(f"\r\x1b[2K{line[:columns]}\n" for line in lines)
        sys.stdout.write(back + text)
        sys.stdout.flush()
        self._drawn = len(lines)


def line_of(model: str, job: dict[str, Any]) -> str:
    """``ltx2  ███░░░  41%  denoising 3/8, 4 s left``."""
    progress = job["progress"]
    percent = 100.0 if job["state"] == "completed" else float(progress["percent"])
    words = moment_of(job)
    if not ended(job) and progress["steps"]:
        words += f" {progress['step']}/{progress['steps']}"
    if not ended(job) and progress["seconds_left"]:
        words += f", {progress['seconds_left']:.0f} s left"
    return f"{model:8}{bar(percent)} {percent:3.0f}%  {seconds_of(job):5.1f} s  {words}"


def bar(percent: float) -> str:
    """Full and empty blocks; signs that any terminal has where blocks cannot be written."""
    full, empty = "█░" if "utf" in (sys.stdout.encoding or "").lower() else "#."
    done = round(percent / 100 * BAR_WIDTH)
    return full * done + empty * (BAR_WIDTH - done)


def moment_of(job: dict[str, Any]) -> str:
    """Its phase while it runs, else its state, in words."""
    phase = None if ended(job) else job["progress"]["phase"]
    return str(phase or job["state"]).replace("_", " ")


def seconds_of(job: dict[str, Any]) -> float:
    """Seconds since it was claimed; the API's own figure stands still between two steps."""
    if job["started_at"] is None:
        return 0.0
    until = datetime.fromisoformat(job["finished_at"]) if ended(job) else datetime.now(UTC)
    return max(0.0, (until - datetime.fromisoformat(job["started_at"])).total_seconds())


def ended(job: dict[str, Any]) -> bool:
    """Whether nothing more will become of it."""
    return job["state"] in ("completed", "failed", "cancelled")
