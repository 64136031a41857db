# Many machines, proven on this one: a throw-away Slurm of two nodes, a local Ray cluster of several.

.PHONY: e2e-slurm e2e-ray
e2e-slurm: .venv/ready  ## the exam over two Slurm nodes, with faults (installs Slurm where it can)
	@eval_suite/scripts/install_slurm.sh
	OMP_NUM_THREADS=1 FAULTS_JSON=outputs/faults.json timeout -k 30 720 $(BIN)/python -m pytest -q -m heavy \
		-p no:cacheprovider eval_suite/tests/slurm/test_slurm_cluster.py
	@test ! -f outputs/faults.json || $(BIN)/python eval_suite/scripts/write_faults.py outputs/faults.json \
		eval_suite/README.md

e2e-ray: .venv-verl/ready  ## the exam on a local Ray cluster of three nodes, with an actor killed
	OMP_NUM_THREADS=1 PYTHONPATH=eval_suite/src:shared/src timeout -k 30 300 .venv-verl/bin/python -m pytest -q \
		-m heavy -p no:cacheprovider eval_suite/tests/slurm/test_ray_cluster.py
