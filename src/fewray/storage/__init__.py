"""Files on disk: atomic writes, locks, the cache, results of jobs and their times."""
