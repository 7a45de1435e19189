"""What is seen and what can be done: the only part that knows Playwright. Knows no model and no task."""
