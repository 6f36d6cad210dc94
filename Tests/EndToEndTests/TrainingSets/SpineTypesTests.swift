import Foundation
import TestSupport
import Testing

/// Every column of a spine leaves an export with the type and the values that it came with, or is refused by name.
@Suite(.enabled(if: Peers.areThere, Peers.notice)) struct SpineTypesTests {
    /// Makes `spine.*` and `arrow-only.arrow` in a folder: each kind of column with the values at its bounds.
    private static let make = """
        import sys; sys.path.insert(0, sys.argv[1])
        import datetime as dt, decimal, json, math, os, struct, uuid
        import numpy as np, pyarrow as pa, pyarrow.parquet as pq
        os.chdir(sys.argv[2]); D = decimal.Decimal
        decimal.getcontext().prec = 100
        low, high = -2**63, 2**63 - 1
        nan = struct.unpack("<d", struct.pack("<Q", 0x7ff8000000000abc))[0]
        u = [uuid.UUID(int=0).bytes, None, uuid.UUID("0b0e7c3a-1111-4a2b-8c3d-0000000000ff").bytes, uuid.UUID(int=2**128 - 1).bytes]
        def col(values, type): return pa.array(values, type)
        columns = {
            "user_id": col([1, 2, 3, 1], pa.int64()),
            "at": col([1767225600000000001, 1767225600000000999, -1, 0], pa.timestamp("ns")),
            "i8": col([-128, 127, None, 0], pa.int8()), "i16": col([-2**15, 2**15 - 1, None, 0], pa.int16()),
            "i32": col([-2**31, 2**31 - 1, None, 0], pa.int32()), "i64": col([low, high, None, 0], pa.int64()),
            "u8": col([0, 255, None, 1], pa.uint8()), "u16": col([0, 65535, None, 1], pa.uint16()),
            "u32": col([0, 2**32 - 1, None, 1], pa.uint32()),
            "u64": col([0, 2**64 - 1, None, 2**63], pa.uint64()),
            "f16": col([np.float16(-0.0), np.float16(65504), None, np.float16(0.1)], pa.float16()),
            "f32": col([-0.0, 3.4028234663852886e38, None, 0.1], pa.float32()),
            "f64": col([-0.0, nan, None, -math.inf], pa.float64()),
            "d38": col([D("-0.0000000001"), D("9" * 28 + "." + "9" * 10), None, D("9007199254740993")], pa.decimal128(38, 10)),
            "d0": col([D("-1"), D("9007199254740993"), None, D("0")], pa.decimal128(38, 0)),
            "d2": col([D("-1.50"), D("0.00"), None, D("1234567.89")], pa.decimal128(9, 2)),
            "d76": col([D("-" + "9" * 76), D("9" * 76), None, D(1)], pa.decimal256(76, 0)),
            "d76s": col([D("-0." + "0" * 75 + "1"), D("0." + "9" * 76), None, D(0)], pa.decimal256(76, 76)),
            "nodec": col([None] * 4, pa.decimal128(5, 1)), "nothing": col([None] * 4, pa.null()),
            "day": col([-1, -719162, None, 2932896], pa.date32()), "farday": col([-2**31, 2**31 - 1, None, 2932897], pa.date32()),
            "t32ms": col([0, 86399999, None, 1], pa.time32("ms")), "t64us": col([0, 86399999999, None, 1], pa.time64("us")),
            "t64ns": col([0, 86399999999999, None, 1], pa.time64("ns")),
            "ms": col([-1, 253402300800000, None, 1767225600123], pa.timestamp("ms")),
            "naive": col([-1, low, None, high], pa.timestamp("us")), "utc": col([-1, 1, None, 0], pa.timestamp("us", "UTC")),
            "berlin": col([-1, 1, None, 1767225600000001], pa.timestamp("us", "Europe/Berlin")),
            "ns": col([low, high, None, -1], pa.timestamp("ns")), "nsutc": col([low + 1, high, None, 1], pa.timestamp("ns", "UTC")),
            "uuid": pa.ExtensionArray.from_storage(pa.uuid(), col(u, pa.binary(16))),
            "json": pa.ExtensionArray.from_storage(pa.json_(), col(['{"a": [1,  2]}', "null", None, '"ü"'], pa.string())),
            "b3": col([bytes(3), b"\\xff\\x00\\x0a", None, b"abc"], pa.binary(3)), "bin": col([b"", b"\\xff", None, b"x"], pa.binary()),
            "text": col(["007", "1e3", None, " x"], pa.string()), "text2": col(["", "1.0", None, 'a,"b"\\n\\u00e9'], pa.large_string()),
            "long": col(["x" * 1000000, "", None, "y"], pa.string()),
            "view": col(["é", "", None, "a long text beyond twelve bytes"], pa.string_view()),
            "yes": col([True, False, None, True], pa.bool_()),
            "li16": col([[1, -2**15], [], None, [3]], pa.list_(pa.int16())), "lu8": col([[0, 255], [], None, [3]], pa.list_(pa.uint8())),
            "l64": col([[low, high], [], None, [3]], pa.list_(pa.int64())), "ls": col([["", "a,b"], [], None, ['"']], pa.list_(pa.string())),
            "fixed": col([[1, 2], [3, 4], None, [low, high]], pa.list_(pa.int64(), 2)),
            "vec": col([[1.5, -0.0], [0.1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
        }
        words = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0], pa.int8()), pa.array(["b", "a"]))
        numbers = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 1], pa.int32()), pa.array([D("1.5"), D("-2.5")], pa.decimal128(5, 1)))
        columns["words"] = words; columns["numbers"] = numbers
        table = pa.table(columns)
        pq.write_table(table, "spine.parquet")
        with pa.OSFile("spine.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            # Two batches, the second of one row.
            out.write_table(table.slice(0, 3)); out.write_table(table.slice(3))
        only = {name: columns[name] for name in ["user_id", "at"]}
        only |= {
            "s": col([-62135596800 - 1, 253402300800, None, 0], pa.timestamp("s")), "t32s": col([0, 86399, None, 1], pa.time32("s")),
            "date64": col([-86400000, 0, None, 86400000 * 2932897], pa.date64()),
            "d9": col([D("-1.5"), D("9999999.9"), None, D(0)], pa.decimal32(8, 1)), "d18": col([D(-1), D(10**17), None, D(0)], pa.decimal64(18, 0)),
            "neg": col([D("-100"), D("12300"), None, D(0)], pa.decimal128(5, -2)),
            "dur": col([low, high, None, 0], pa.duration("ns")), "durs": col([-1, 1, None, 0], pa.duration("s")),
            "mdn": col([(-1, 2, -3), (2**31 - 1, -2**31, high), None, (0, 0, 0)], pa.month_day_nano_interval()),
        }
        table = pa.table(only)
        with pa.OSFile("only.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as out: out.write_table(table)
        nested = {name: columns[name] for name in ["user_id", "at", "d38"]}
        nested |= {
            "struct": col([{"a": 1}] * 4, pa.struct({"a": pa.int64()})), "map": col([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int64())),
            "deep": col([[[1]]] * 4, pa.list_(pa.list_(pa.int64()))), "doubles": col([[0.5]] * 4, pa.list_(pa.float64())),
        }
        pq.write_table(pa.table(nested), "nested.parquet")
        print("{}")
        """

    /// Compares an output with its spine: formats with types by type and bits, as pyarrow itself writes and reads them;
    /// text formats by the texts that docs/how-to/training-sets.md promises.
    private static let compare = """
        import sys; sys.path.insert(0, sys.argv[1])
        import decimal, json, os, uuid
        import numpy as np, pyarrow as pa, pyarrow.parquet as pq
        os.chdir(sys.argv[2]); source, out = sys.argv[3], sys.argv[4]
        decimal.getcontext().prec = 100
        def load(path):
            if path.endswith("parquet"): return pq.read_table(path)
            with pa.memory_map(path) as file: return pa.ipc.open_file(file).read_all()
        plain = {pa.large_string(): pa.string(), pa.string_view(): pa.string()}
        spine, wrong = load(source), []
        units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
        def day(days):
            shifted = days + 719468; era = shifted // 146097; of = shifted - era * 146097
            y = (of - of // 1460 + of // 36524 - of // 146096) // 365
            d = of - (365 * y + y // 4 - y // 100); m = (5 * d + 2) // 153
            year = y + era * 400 + (m >= 10); month = m + 3 if m < 10 else m - 9
            sign = "" if 1 <= year <= 9999 else "-" if year < 0 else "+"
            return f"{sign}{abs(year):04}-{month:02}-{d - (153 * m + 2) // 5 + 1:02}"
        def clock(value, unit):
            seconds, rest = divmod(value, units[unit])
            text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            return text + (f".{rest:0{len(str(units[unit])) - 1}}" if rest else "")
        def texts(array):
            type = array.type
            if isinstance(type, pa.BaseExtensionType):
                return [None if v is None else str(uuid.UUID(bytes=v)) if type == pa.uuid() else v for v in array.storage.to_pylist()]
            if pa.types.is_date32(type): return [None if v is None else day(v) for v in array.view(pa.int32()).to_pylist()]
            if pa.types.is_date64(type): return [None if v is None else day(v // 86400000) for v in array.view(pa.int64()).to_pylist()]
            if pa.types.is_time(type):
                ints = array.view(pa.int32() if type.bit_width == 32 else pa.int64()).to_pylist()
                return [None if v is None else clock(v, type.unit) for v in ints]
            if pa.types.is_timestamp(type):
                ints = array.view(pa.int64()).to_pylist(); each = 86400 * units[type.unit]
                unit = type.unit
                return [None if v is None else day(v // each) + "T" + clock(v % each, unit) + ("Z" if type.tz else "") for v in ints]
            if pa.types.is_decimal(type): return [None if v is None else format(v, "f") for v in array.to_pylist()]
            if pa.types.is_binary(type) or pa.types.is_fixed_size_binary(type):
                return [None if v is None else "\\\\x" + v.hex() for v in array.to_pylist()]
            return array.to_pylist()
        def same(name, got, expected):
            if name in ("f16", "f32", "f64", "vec"):
                def bits(v):
                    if v is None: return None
                    if isinstance(v, list): return [bits(x) for x in v]
                    kind = {"f16": np.float16, "f64": np.float64}.get(name, np.float32)
                    return "NaN" if v != v else kind(v).tobytes()
                got, expected = [bits(v) for v in got], [bits(v) for v in expected]
            return got == expected
        def array(table, name):
            chunks = table.column(name).combine_chunks()
            return chunks.dictionary_decode() if pa.types.is_dictionary(chunks.type) else chunks
        if out.endswith(("parquet", "arrow")):
            made = load(out)
            if out.endswith("parquet"): pq.write_table(spine, "peer.parquet"); peer = load("peer.parquet")
            else: peer = spine
            for name in spine.column_names:
                if name not in made.column_names: wrong.append(name + " is missing"); continue
                got, expected = array(made, name), array(peer, name)
                type = plain.get(expected.type, expected.type)
                if got.type != type: wrong.append(f"{name}: {got.type}, expected {type}"); continue
                if isinstance(type, pa.BaseExtensionType): got, expected = got.storage, expected.storage
                exact = lambda a: (a.view(pa.int64()) if pa.types.is_timestamp(a.type) or pa.types.is_duration(a.type) else
                                   a.view(pa.int32()) if pa.types.is_date32(a.type) else a.view(pa.int64()) if pa.types.is_date64(a.type) else a).to_pylist()
                if not same(name, exact(got), exact(expected)): wrong.append(f"{name}: {exact(got)}, expected {exact(expected)}"[:300])
        else:
            if out.endswith("csv"):
                # Quoted empties are texts, bare ones nulls, which the csv module does not tell apart.
                def fields(text):
                    row, at = [], 0
                    while at < len(text):
                        if text[at] == '"':
                            end = at + 1
                            while text[end] != '"' or text[end + 1] == '"': end += 2 if text[end] == '"' else 1
                            row.append(text[at + 1:end].replace('""', '"')); at = end + 1
                        else:
                            end = at
                            while text[end] not in ",\\n": end += 1
                            row.append(text[at:end] or None); at = end
                        if text[at] == "\\n": yield row; row = []
                        at += 1
                        if text[at - 1] == "," and text[at] == "\\n": row.append(None); at += 1; yield row; row = []
                rows = list(fields(open(out, newline="").read()))
                made = {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}
            else:
                with open(out) as file: lines = [json.loads(line, parse_float=str, parse_int=str) for line in file]
                made = {name: [line[name] for line in lines] for name in lines[0]}
            numbers = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
            for name in spine.column_names:
                got, expected = made[name], texts(array(spine, name))
                if name == "yes": expected = [None if v is None else (str(v).lower() if out.endswith("csv") else v) for v in expected]
                elif name in numbers:
                    got = [None if v is None else float(v) if name == "f64" else float(numbers[name](v)) for v in got]
                    expected = [None if v is None else float(v) for v in expected]
                elif name in ("li16", "lu8", "l64", "ls", "fixed", "vec"):
                    deep = lambda v: None if v is None else json.loads(v) if isinstance(v, str) else [float(x) if name == "vec" else x if name == "ls" else int(x) for x in v]
                    got = [deep(v) for v in got]
                    if name == "vec":
                        expected = [None if v is None else [np.float32(x) for x in v] for v in expected]
                        got = [None if v is None else [np.float32(x) for x in v] for v in got]
                elif name in ("utc",):
                    pass
                else: expected = [None if v is None else str(v) for v in expected]
                if name == "nothing": expected = [None] * len(got)
                if not same(name, got, expected): wrong.append(f"{name}: {got}, expected {expected}"[:300])
        print(json.dumps({"wrong": wrong}))
        """

    private static func store() throws -> CommandLineStore {
        let store = try CommandLineStore()
        try store.write("daily.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00Z,5\n2,1969-01-01T00:00:00Z,6\n")
        try store.succeed(["ingest", "daily", "daily.csv", "--source", "daily"])
        _ = try Peers.python([make, Peers.folder, store.folder])
        return store
    }

    private static func export(_ spine: String, _ out: String) -> [String] {
        ["export", "--spine", spine, "--label-time", "at", "--features", "daily.n", "--out", out]
    }

    @Test(arguments: ["parquet", "arrow"])
    func `every kind of column leaves with the type and values it came with, in every format`(source: String) throws {
        let store = try Self.store()
        var digests: Set<String> = []
        for format in ["parquet", "arrow", "csv", "jsonl"] {
            let out = "out.\(format)"
            let report = try store.succeed(Self.export("spine.\(source)", out))
            #expect(report.contains("3 label times finer than µs"), "\(report)")
            let made = try Peers.python([Self.compare, Peers.folder, store.folder, "spine.\(source)", out])
            #expect(made["wrong"] as? [String] == [], "\(source) → \(format)")
            try store.succeed(["verify", out + ".manifest.json"])
            try digests.insert(DigestOracle.digest(of: out, in: store.folder))
            #expect(try DigestOracle.manifest(out, store.folder).contentDigest == digests.first)
        }
        #expect(digests.count == 1)
        // What left is a spine again, and leaves again as it is.
        for format in ["parquet", "arrow"] {
            try store.succeed(
                Self.export("out.\(format)", "again.\(format)").map { $0 == "daily.n" ? "stats.clicks" : $0 }
            )
            let made = try Peers.python([
                Self.compare, Peers.folder, store.folder, "spine.\(source)", "again.\(format)",
            ])
            #expect(made["wrong"] as? [String] == [])
        }
    }

    /// Writes an output again with another column, or with one of another type.
    private static let rewrite = """
        import sys; sys.path.insert(0, sys.argv[1])
        import os
        import pyarrow as pa, pyarrow.parquet as pq
        os.chdir(sys.argv[2]); out, edit = sys.argv[3], sys.argv[4]
        parquet = out.endswith("parquet")
        table = pq.read_table(out) if parquet else pa.ipc.open_file(out).read_all()
        if edit == "extra": table = table.append_column("extra", pa.array([1] * len(table)))
        else:
            name, unit, zone = edit.split(",")
            at = table.column_names.index(name)
            column = table.column(at).combine_chunks().view(pa.int64()).view(pa.timestamp(unit, zone or None))
            table = table.set_column(at, name, column)
        if parquet: pq.write_table(table, out)
        else:
            with pa.OSFile(out, "wb") as file, pa.ipc.new_file(file, table.schema) as sink: sink.write_table(table)
        print("{}")
        """

    @Test(arguments: ["parquet", "arrow"])
    func `a column more, or of times that gained or lost their zone, is a difference`(format: String) throws {
        let store = try Self.store()
        let out = "out.\(format)"
        try store.succeed(Self.export("spine.arrow", out))
        let made = try Data(contentsOf: URL(fileURLWithPath: store.folder + "/" + out))
        func error(_ edit: String, status: Int32) throws -> String {
            try made.write(to: URL(fileURLWithPath: store.folder + "/" + out))
            _ = try Peers.python([Self.rewrite, Peers.folder, store.folder, out, edit])
            let output = try store.run(["verify", out + ".manifest.json"])
            #expect(output.status == status, "\(edit): \(output.error)")
            return output.error
        }
        let extra = try error("extra", status: 1)
        #expect(extra.contains("the file has a column 'extra' that the set has not"), "\(extra)")
        let gained = try error("ns,ns,UTC", status: 1)
        #expect(gained.contains("'ns'") && gained.contains("timestamp[ns, tz=UTC]"), "\(gained)")
        let lost = try error("nsutc,ns,", status: 1)
        #expect(lost.contains("'nsutc'") && lost.contains("timestamp[ns]"), "\(lost)")
        // The same moments under another zone.
        _ = try error("nsutc,ns,Europe/Berlin", status: 0)
    }

    @Test func `what a format has not is refused by name with what to do, and can be left out`() throws {
        let store = try Self.store()
        try store.succeed(Self.export("only.arrow", "out.arrow"))
        let made = try Peers.python([Self.compare, Peers.folder, store.folder, "only.arrow", "out.arrow"])
        #expect(made["wrong"] as? [String] == [])
        try store.succeed(["verify", "out.arrow.manifest.json"])
        #expect(
            try DigestOracle.digest(of: "out.arrow", in: store.folder)
                == DigestOracle.manifest("out.arrow", store.folder).contentDigest
        )
        for (format, title, refused) in [
            ("parquet", "Parquet", ["neg", "mdn"]), ("csv", "CSV", ["dur", "durs", "mdn"]),
            ("jsonl", "JSON Lines", ["dur", "durs", "mdn"]),
        ] {
            var command = Self.export("only.arrow", "out.\(format)")
            for column in refused {
                let output = try store.run(command)
                #expect(output.status == 1)
                #expect(
                    output.error.contains("out.\(format): column '\(column)' of the spine is ")
                        && output.error.contains("which \(title) does not have; cast it")
                        && output.error.contains("--drop \(column)"),
                    "\(output.error)"
                )
                command += ["--drop", column]
            }
            let report = try store.succeed(command)
            if format == "parquet" {
                for note in [
                    "column 's' is timestamp(s); Parquet has it as timestamp(ms)",
                    "column 't32s' is time(s); Parquet has it as time(ms)",
                    "column 'date64' is date64; Parquet has it as date32",
                    "column 'd9' is decimal32(8,1); Parquet has it as decimal128(8,1)",
                ] {
                    #expect(report.contains("note: \(note)\n"), "\(report)")
                }
            } else {
                let made = try Peers.python([
                    Self.compare.replacing("spine.column_names", with: "[n for n in spine.column_names if n in made]"),
                    Peers.folder, store.folder, "only.arrow", "out.\(format)",
                ])
                #expect(made["wrong"] as? [String] == [])
            }
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
    }

    @Test func `nested columns are refused by name until they are dropped`() throws {
        let store = try Self.store()
        var command = Self.export("nested.parquet", "out.parquet")
        for column in ["struct", "map", "deep", "doubles"] {
            let output = try store.run(command)
            #expect(output.status == 1)
            #expect(
                output.error.contains("nested.parquet: column '\(column)' of type ")
                    && output.error.contains("--drop \(column)"),
                "\(output.error)"
            )
            command += ["--drop", column]
        }
        try store.succeed(command)
        let unknown = try store.run(command + ["--drop", "nosuch"])
        #expect(
            unknown.status == 1 && unknown.error.contains("nested.parquet has no column 'nosuch'"),
            "\(unknown.error)"
        )
        let key = try store.run(command + ["--drop", "user_id"])
        #expect(key.status == 1 && key.error.contains("--drop user_id: it is a key"), "\(key.error)")
    }
}

/// The content digest by another program, written from docs/reference/digest.md.
enum DigestOracle {
    private static let script = #"""
        import sys; sys.path.insert(0, sys.argv[1])
        import hashlib, json, os, struct
        import pyarrow as pa, pyarrow.parquet as pq
        os.chdir(sys.argv[2]); out = sys.argv[3]
        manifest = json.load(open(out + ".manifest.json"))
        names = {c["name"]: c["type"] for c in manifest["spine"]["columns"]} | {c["name"]: c["type"] for c in manifest["columns"]}
        kinds = {"bool", "int32", "int64", "float32", "float64", "string", "bytes", "timestamp", "list(int64)", "list(string)"}
        version = 1 if all(t in kinds or t.startswith("vector(") for t in names.values()) else 2
        def eight(v): return struct.pack("<Q", v & (2**64 - 1))
        def sized(b): return struct.pack("<I", len(b)) + b
        def real(v): return struct.pack("<Q", 0x7ff8 << 48) if v != v else struct.pack("<d", v)
        def plain(v):
            if v.is_nan(): return "NaN"
            if v.is_infinite(): return "-inf" if v < 0 else "inf"
            text = format(v, "f")
            if "." in text: text = text.rstrip("0").rstrip(".")
            return "0" if text in ("-0", "") else text
        def encode(t, v):
            if v is None: return b"\0"
            if t == "bool": b = bytes([v])
            elif t.startswith(("float",)): b = real(v)
            elif t.startswith("vector("): b = struct.pack("<I", len(v)) + b"".join(real(x) for x in v)
            elif t == "list(string)": b = struct.pack("<I", len(v)) + b"".join(sized(x.encode()) for x in v)
            elif t.startswith("list("): b = struct.pack("<I", len(v)) + b"".join(eight(x) for x in v)
            elif t.startswith(("decimal", "numeric")): b = sized(plain(v).encode())
            elif t in ("string", "json") or t.startswith("sql("): b = sized(v.encode())
            elif t in ("bytes", "uuid") or t.startswith("bytes("): b = sized(v)
            elif t == "interval(month_day_nano)": b = sized(struct.pack("<iiq", *v))
            else: b = eight(v)
            return b"\1" + b
        if out.endswith("parquet"): table = pq.read_table(out)
        elif out.endswith("arrow"): table = pa.ipc.open_file(out).read_all()
        else: print(json.dumps({"digest": manifest["contentDigest"]})); sys.exit()
        columns = []
        for name, t in names.items():
            a = table.column(name).combine_chunks()
            if isinstance(a.type, pa.BaseExtensionType): a = a.storage
            if pa.types.is_date32(a.type) or pa.types.is_time32(a.type): a = a.view(pa.int32())
            elif pa.types.is_temporal(a.type) and not pa.types.is_interval(a.type): a = a.view(pa.int64())
            columns.append((t, a.to_pylist()))
        head = f"asof-content/{version}\n".encode() + b"".join(f"{len(n.encode())}:".encode() + n.encode() + b" " + t.encode() + b"\n" for n, t in names.items())
        rows = b"".join(b"".join(encode(t, v[i]) for t, v in columns) for i in range(table.num_rows))
        assert table.num_rows <= 65536
        whole = hashlib.sha256(head + (hashlib.sha256(rows).digest() if table.num_rows else b"")).hexdigest()
        print(json.dumps({"digest": "sha256:" + whole}))
        """#

    /// Of files whose format has types; of others the manifest's.
    static func digest(of out: String, in folder: String) throws -> String {
        let made = try Peers.python([script, Peers.folder, folder, out])
        return try #require(made["digest"] as? String)
    }

    struct Manifest: Decodable {
        var contentDigest: String
        var spine: Spine
        struct Spine: Decodable { var columns: [Column] }
        struct Column: Decodable { var name, type: String }
    }

    static func manifest(_ out: String, _ folder: String) throws -> Manifest {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(out).manifest.json"))
        return try JSONDecoder().decode(Manifest.self, from: data)
    }
}
