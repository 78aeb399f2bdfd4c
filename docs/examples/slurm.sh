#!/usr/bin/env bash
# One part of a run for each element of a Slurm array: sbatch slurm.sh SUITE ADAPTER FOLDER, then `harness merge`.
#SBATCH --job-name=harness
#SBATCH --array=1-8
#SBATCH --time=01:00:00
#SBATCH --requeue
set -euo pipefail

# How many parts there are, as the array has elements. Not SLURM_ARRAY_TASK_COUNT: where one element is submitted again
# by itself (--array=3), that says 1.
parts=${PARTS:-8}

# An element that was killed or requeued goes on where it was: the same command continues a run that is not complete.
harness run "$1" --adapter "$2" --shard "$SLURM_ARRAY_TASK_ID/$parts" --out "$3/parts" --quiet --no-report
