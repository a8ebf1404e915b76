"""Run tasks on a Dask cluster: on this machine, or on any that is running and shares a folder."""
