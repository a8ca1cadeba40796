"""Training: steps, schedules, teachers."""
