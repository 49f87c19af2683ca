#!/usr/bin/env bash
#SBATCH --job-name=loadlab
#SBATCH --nodes=5
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=00:30:00
#
# Run loadlab on the nodes of a job: the first has the Dask scheduler and loadlab, each other one a Dask worker. Arguments
# are those of `loadlab run`:
#
#     sbatch --nodes=5 docs/cluster/slurm.sh my.yaml --allow-remote server.example
#
# LOADLAB is the environment that loadlab is installed in, on a file system that all nodes have.
set -euo pipefail

bin=${LOADLAB:-$HOME/loadlab}/bin
file=$PWD/scheduler-$SLURM_JOB_ID.json
# Scheduler and workers end together, and would log that they have lost each other.
export DASK_LOGGING__DISTRIBUTED=warning
trap 'kill $(jobs -p) 2>/dev/null || true; rm -f "$file"' EXIT

"$bin/dask" scheduler --port 0 --dashboard-address 127.0.0.1:0 --scheduler-file "$file" &
until [ -s "$file" ]; do
    sleep 0.2
done

# --relative=1 leaves out the first node. A worker has all cores of its node, and as many open files as it may.
workers=$((SLURM_JOB_NUM_NODES - 1))
# shellcheck disable=SC2016 # these are variables of the node that the shell runs on
srun --relative=1 --nodes="$workers" --ntasks="$workers" --cpu-bind=none \
    bash -c 'ulimit -n "$(ulimit -Hn)"; exec "$0" worker --scheduler-file "$1" --nthreads 1 --no-nanny \
        --name "$SLURMD_NODENAME" --dashboard-address 127.0.0.1:0' "$bin/dask" "$file" &

address=$("$bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$file")
"$bin/loadlab" run "$@" --cluster "$address"
