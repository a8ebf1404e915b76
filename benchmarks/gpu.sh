#!/usr/bin/env bash
# Measure the GPU rows in at most 8 minutes and write DIR/gpu.json: benchmarks/gpu.sh DIR
# Uses the first Python whose PyTorch finds a GPU (.venv, python3, python); needs no network and installs nothing.
set -euo pipefail
out=${1:?usage: benchmarks/gpu.sh DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}"
for python in .venv/bin/python python3 python; do
    if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
        exec "$python" -m benchmarks.gpu_run "$out"
    fi
done
echo "benchmarks/gpu.sh: no GPU: no Python here has a PyTorch that can use one; nothing measured" >&2
exit 2
