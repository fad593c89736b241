"""How the throughput of an evaluation's units grows from one of Ray's workers to two.

usage: python scripts/benchmark_scale.py [--units 24] [--rounds 3] [--workers 2]

A unit is BIM 4 with ten steps on a batch of 8 of the embedded classifier's images, behind `none` and `webp:60+flip`:
what `tf-lowdef evaluate --ray` hands to a worker. TensorFlow has one thread in each worker. Rounds of one worker and of
several take turns, so that what else the machine does meets both; the ratio is that of the medians. Starting workers,
loading the model and tracing are not counted, and are printed by themselves. How many workers were busy in the mean
tells a driver that cannot keep up (fewer than there are) from cores that others use (a low ratio all the same).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import partial

import numpy as np

from tf_lowdef import load_demo
from tf_lowdef.attacks import parse_attack
from tf_lowdef.defences import name_defences
from tf_lowdef.evaluation.models.judge import Batch
from tf_lowdef.evaluation.models.remote import write_recipe
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import SplitWork, Unit, cut
from tf_lowdef.jobs.ray import RayOptions, RayRunner, connected
from tf_lowdef.threats import Oblivious

BATCH = 8
ATTACK = "bim:4"
DEFENCES = ("none", "webp:60+flip")


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=24, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    model, images, labels = load_demo()
    site = RunModels(model, name_defences(DEFENCES), batch_size=BATCH)

    def prepare(unit: Unit) -> Batch:
        places = np.array(unit.task["places"]) % len(images)
        return Batch(images[places], labels[places], [str(place) for place in places])

    step = partial(
        RunModels.attack_victim, threat=Oblivious(), name=ATTACK, attack=parse_attack(ATTACK), folder="adversarial"
    )
    work = SplitWork(prepare, step, site)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {BATCH} images a unit")
    seconds: dict[int, list[float]] = {1: [], arguments.workers: []}
    with connected(RayOptions(workers=1 + arguments.workers)):
        runners = {}
        for workers in seconds:
            started = time.perf_counter()
            runners[workers] = RayRunner(RayOptions(workers=workers), write_recipe(site)).__enter__()
            # every worker traces: twice as many units as they hold at a time
            list(runners[workers].run(cut("warm", np.arange(BATCH * 4 * workers), BATCH), work))
            print(f"{workers} workers: started and warm after {time.perf_counter() - started:.1f} s")
        for number in range(arguments.rounds):
            for workers, runner in runners.items():
                units = cut(f"round {number}", np.arange(BATCH * arguments.units), BATCH)
                started = time.perf_counter()
                records = list(runner.run(units, work))
                seconds[workers].append(time.perf_counter() - started)
                busy = sum(record.seconds for record in records) / seconds[workers][-1]
                print(f"{workers} workers: {arguments.units / seconds[workers][-1]:.2f} units/s, {busy:.2f} busy")
        for runner in runners.values():
            runner.__exit__()
    rates = {workers: arguments.units / statistics.median(found) for workers, found in seconds.items()}
    ratio = rates[arguments.workers] / rates[1]
    print(f"units/s: {rates[1]:.2f} with 1, {rates[arguments.workers]:.2f} with {arguments.workers}: ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
