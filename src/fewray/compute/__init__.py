"""Where and how work is computed: devices, seeds, processes, CUDA graphs, clusters."""
