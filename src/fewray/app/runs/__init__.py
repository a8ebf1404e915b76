"""Pages of runs: training runs, studies and quality reports."""
