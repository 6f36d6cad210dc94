"""The kernels of CForest against XGBoost's C API: one row, and 1,000 rows at once, on one thread of one process.

The model is trained here, by the library that scripts/setup fetches: binary, depth 6, 50 features of which 5 % are missing. Both
sides get the same rows; margins are compared bit for bit, and a difference ends the benchmark.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess

import harness

CASES = ["kernel"]
ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTH = 50


def run(case: str, options: harness.Options) -> None:
    rows, trees, probes, seconds = (1_000, 20, 2_000, 0.05) if options.is_quick else (50_000, 500, 10_000, 2.0)
    library = path()
    folder = options.folder
    make(library, folder, rows, trees, probes)
    program = compiled(folder)
    cpus = sorted(os.sched_getaffinity(0))
    command = [str(program), library, f"{folder}/predict.ubj", f"{folder}/predict.flat", f"{folder}/predict.rows"]
    command += [str(probes), str(WIDTH), str(seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    found: dict[int, list[list[float]]] = {}
    for _ in range(options.runs):
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpus[-1]}),
        )
        for line in done.stdout.splitlines():
            words = line.split()
            if words[5] != words[6]:
                raise SystemExit(f"only {words[5]} of {words[6]} rows have the library's bits")
            found.setdefault(int(words[0]), []).append([float(word) for word in words[1:5]])
    for batch, lines in found.items():
        ours, peer, ours_cpu, peer_cpu = (sorted(column)[len(lines) // 2] for column in zip(*lines))
        harness.report(
            "predict", f"{case}-{batch}", ours, peer, "µs/row", ours_cpu_us=round(ours_cpu, 3), peer_cpu_us=round(peer_cpu, 3),
            trees=trees, equal_rows=probes,
        )


def path() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    found = os.environ.get("ASOF_XGBOOST") or f"{cache}/asof/xgboost/xgboost/lib/libxgboost.so"
    if not os.path.exists(found):
        raise SystemExit(f"there is no {found}; run scripts/setup")
    return found


def compiled(folder: pathlib.Path) -> pathlib.Path:
    # The compiler that Swift brings is the one that the product's kernels are made with.
    compiler = next((name for name in ["clang", "cc", "gcc"] if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit("there is no C compiler for bench/predict.c: looked for clang, cc and gcc")
    program = folder / "predict"
    sources = [ROOT / "bench/predict.c", ROOT / "Sources/CForest/forest.c"]
    command = [compiler, "-O2", "-I", str(ROOT / "Sources/CForest/include"), *map(str, sources), "-o", str(program), "-ldl", "-lm"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"bench/predict.c does not compile:\n{done.stderr}")
    return program


def make(library: str, folder: pathlib.Path, rows: int, trees: int, probes: int) -> None:
    """Trains the model; writes it, its flat form and the rows to predict."""
    xgboost = ctypes.CDLL(library)
    xgboost.XGBGetLastError.restype = ctypes.c_char_p

    def call(name: str, *arguments: object) -> None:
        if getattr(xgboost, name)(*arguments):
            raise SystemExit(f"{name}: {xgboost.XGBGetLastError().decode().splitlines()[0]}")

    def array(values: ctypes.Array, shape: list[int]) -> bytes:
        return json.dumps({"data": [ctypes.addressof(values), True], "shape": shape, "typestr": "<f4", "version": 3}).encode()

    source = random.Random(7)
    nan = float("nan")
    numbers = [nan if source.random() < 0.05 else source.gauss(0, 1) for _ in range(rows * WIDTH)]
    values = (ctypes.c_float * len(numbers))(*numbers)
    known = [[0 if number != number else number for number in numbers[row * WIDTH : row * WIDTH + 6]] for row in range(rows)]
    noisy = [row[0] * row[1] + row[2] - abs(row[3]) + row[4] * row[5] + source.gauss(0, 1) for row in known]
    labels = (ctypes.c_float * rows)(*[float(number > 0) for number in noisy])
    matrix, booster = ctypes.c_void_p(), ctypes.c_void_p()
    call("XGDMatrixCreateFromDense", array(values, [rows, WIDTH]), b'{"missing":NaN,"nthread":1}', ctypes.byref(matrix))
    call("XGDMatrixSetInfoFromInterface", matrix, b"label", array(labels, [rows]))
    call("XGBoosterCreate", (ctypes.c_void_p * 1)(matrix), ctypes.c_uint64(1), ctypes.byref(booster))
    parameters = {"objective": "binary:logistic", "max_depth": "6", "eta": "0.05", "tree_method": "hist", "seed": "1"}
    for name, value in parameters.items():
        call("XGBoosterSetParam", booster, name.encode(), value.encode())
    for number in range(trees):
        call("XGBoosterUpdateOneIter", booster, number, matrix)

    def saved(form: str) -> bytes:
        size, start = ctypes.c_uint64(), ctypes.c_void_p()
        config = json.dumps({"format": form}).encode()
        call("XGBoosterSaveModelToBuffer", booster, config, ctypes.byref(size), ctypes.byref(start))
        return ctypes.string_at(start, size.value)

    (folder / "predict.ubj").write_bytes(saved("ubj"))
    (folder / "predict.flat").write_bytes(flat(json.loads(saved("json"))["learner"]))
    (folder / "predict.rows").write_bytes(
        struct.pack(f"<{probes * WIDTH}f", *[nan if source.random() < 0.05 else source.gauss(0, 1) for _ in range(probes * WIDTH)])
    )


def flat(learner: dict) -> bytes:
    """The nodes as Sources/CForest/include/CForest.h has them."""
    libm = ctypes.CDLL("libm.so.6")
    libm.logf.restype, libm.logf.argtypes = ctypes.c_float, [ctypes.c_float]
    single = lambda number: struct.unpack("<f", struct.pack("<f", number))[0]  # noqa: E731
    score = single(float(learner["learner_model_param"]["base_score"].strip("[]")))
    base = -libm.logf(single(single(1 / score) - 1))
    roots, nodes = [], []
    for tree in learner["gradient_booster"]["model"]["trees"]:
        roots.append(len(nodes))
        nodes.append(None)
        waiting = [(0, len(nodes) - 1)]
        for node, place in waiting:
            left, right = tree["left_children"][node], tree["right_children"][node]
            value = tree["split_conditions"][node]
            if left < 0:
                nodes[place] = struct.pack("<fIHBB", value, place, 0, 1, 0)
                continue
            child = len(nodes)
            nodes[place] = struct.pack("<fIHBB", value, child, tree["split_indices"][node], 0, tree["default_left"][node])
            nodes += [None, None]
            waiting += [(left, child), (right, child + 1)]
    return struct.pack("<IIf", len(roots), len(nodes), base) + struct.pack(f"<{len(roots)}I", *roots) + b"".join(nodes)
