"""Replicas as Ray actors: Ray places, starts and restarts them, leases say who does what.

An actor runs the ``work`` verb in its own process, so that the engine dies with the actor. Placement is
spread over the nodes; an actor that dies is started again by Ray, and what it held is taken over when
its leases expire.
"""

from __future__ import annotations

import argparse
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from eval_suite.submit import work_words

WAIT_FOR_ROOM = 120  # seconds for the cluster to have room for all replicas


class Replica:
    """One worker."""

    def work(self, words: list[str]) -> int:
        """Run the verb to its end; its exit status."""
        from eval_suite.cli import main

        try:
            return main(["work", *words])
        except SystemExit as ended:
            return int(ended.code or 0)


def run(options: argparse.Namespace) -> None:
    """Start ``--workers`` replicas on the cluster of RAY_ADDRESS and wait for them.

    Raises:
        ValueError: no ``--out``, resources that the cluster does not have, or no replica got through.
    """
    if options.out is None:
        raise ValueError("ray needs --out: a folder that all nodes see under the same path")
    ray.init(address="auto")
    need = {"CPU": options.cpus_per_replica}
    if options.gpus_per_replica:
        need["GPU"] = options.gpus_per_replica
    group = placement_group([need] * options.workers, strategy="SPREAD")
    try:
        if not group.wait(WAIT_FOR_ROOM):
            raise ValueError(f"no room for {options.workers} x {need} in {ray.cluster_resources()}")
        replicas = [_replica(group, index, need) for index in range(options.workers)]
        words = work_words(options)
        statuses = ray.get([replica.work.remote(words) for replica in replicas])
    finally:
        remove_placement_group(group)
    if all(statuses):
        raise ValueError(
            f"no replica came to the end (statuses {statuses}): see their logs, run again to continue"
        )


def _replica(group: PlacementGroup, index: int, need: dict[str, float]) -> Any:
    place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
    actor: Any = ray.remote(Replica).options(
        name=f"replica-{index}",
        num_cpus=need["CPU"],
        num_gpus=need.get("GPU", 0),
        scheduling_strategy=place,
        max_restarts=-1,
        max_task_retries=-1,
    )
    return actor.remote()
