"""From answers to scores, statistics, costs and one page: pure functions, no model needed."""
