"""A small job without TensorFlow, as a program of its own: 40 units, a file each, and their sum."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, sys, time
from pathlib import Path
import numpy as np
from tf_lowdef.files import write_bytes, write_text
from tf_lowdef.jobs import LocalRunner, Record, open_run
from tf_lowdef.jobs.units import cut

out, seed, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

def work(unit):
    places = np.array(unit.task["places"])
    values = np.random.default_rng([seed, *places]).normal(size=len(places))
    files = []
    for place in places:
        files.append(f"pictures/{place:03d}.bin")
        write_bytes(out / files[-1], bytes([int(place)]) * 5000)
        time.sleep(pause)
    with open(out.with_name("log"), "a") as log:
        print(unit.name, file=log)
    return Record({"values": values}, {"name": unit.name}, tuple(files))

with open_run(out, {"tool": "test", "arguments": {"seed": seed}}) as store:
    records = list(LocalRunner(store).run(cut("stage:1/part", np.arange(120), 3), work))
    content = {"sum": sum(float(record["values"].sum()) for record in records),
               "names": [record.facts["name"] for record in records]}
    write_text(out / "results.json", json.dumps(content))
"""


@pytest.fixture(scope="session")
def job(tmp_path_factory):
    """The program: its arguments are a folder, a seed, and seconds to pause after every file."""
    program = tmp_path_factory.mktemp("program") / "job.py"
    program.write_text(textwrap.dedent(PROGRAM))
    return program


@pytest.fixture(scope="session")
def start_job(job):
    """A function that starts the job in a folder."""

    def start(out, seed=0, pause=0.0):
        command = [sys.executable, os.fspath(job), os.fspath(out), str(seed), str(pause)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.fixture(scope="session")
def run_job(start_job):
    """A function that runs the job to its end and returns exit code and errors."""

    def run(*args):
        process = start_job(*args)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    return run
