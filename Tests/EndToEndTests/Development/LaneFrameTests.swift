import EmbeddedPostgres
import Foundation
import TestSupport
import Testing

/// `scripts/test --lane` and `.ci/run`: what passes, what does not, and what a page of docs/verified is worth.
///
/// Each test has a small repository of its own with the real frame and lanes of its own; nothing is built there.
@Suite struct LaneFrameTests {
    /// A repository with the frame.
    private final class Place {
        let scratch: TestSupport.Scratch
        private let cache: TestSupport.Scratch

        init() throws {
            scratch = try TestSupport.Scratch()
            cache = try TestSupport.Scratch()
            for path in ["scripts/test", "scripts/testing/lanes.py", "scripts/testing/closing.py", ".ci/run"] {
                try copy(path)
            }
            try write("bin/swift", "#!/bin/sh\necho 'Swift version 6.3 (of a test)'\n", isExecutable: true)
            try write("Sources/a.swift", "a\n")
            try write("Sources/b.swift", "b\n")
            try write(".ci/lanes", "Sources/a* good  # of one file\n")
            try lane(
                "good",
                "echo 'fact: it is small'; echo 'skipped: the moon: too far'; echo 'good: 3 passed, 0 failed'"
            )
            try git("init", "-q")
            try commit("2026-01-01T00:00:00Z")
        }

        func copy(_ path: String) throws {
            let target = URL(fileURLWithPath: scratch.path).appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try FileManager.default.copyItem(at: Cases.repository.appendingPathComponent(path), to: target)
        }

        func write(_ path: String, _ text: String, isExecutable: Bool = false) throws {
            let url = URL(fileURLWithPath: scratch.path).appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
            if isExecutable { chmod(url.path, 0o755) }
        }

        func lane(
            _ name: String,
            _ script: String,
            ci: String = "yes",
            limit: String = "1 min",
            unproven: String? = nil
        ) throws {
            try write(
                "scripts/lanes/\(name)",
                """
                #!/usr/bin/env bash
                # proves:   that \(name) is
                #           as it is
                # emulates: nothing
                # needs:    nothing
                # takes:    no time
                # limit:    \(limit)
                # ci:       \(ci)\(unproven.map { "\n# unproven: \($0)" } ?? "")
                set -euo pipefail
                \(script)

                """,
                isExecutable: true
            )
        }

        func git(_ arguments: String...) throws {
            let settings = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
            try Subprocess.run(["/usr/bin/env", "git", "-C", scratch.path] + settings + arguments, seconds: 30)
        }

        func commit(_ date: String) throws {
            try git("add", "-A")
            try Subprocess.run(
                [
                    "/usr/bin/env", "GIT_COMMITTER_DATE=\(date)", "GIT_AUTHOR_DATE=\(date)", "git", "-C", scratch.path,
                    "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false", "commit", "-qm",
                    "c",
                ],
                seconds: 30
            )
        }

        /// - Returns: what was printed, and the exit status.
        func run(_ command: String) throws -> (text: String, status: Int32) {
            let done = try Subprocess.run(
                [
                    "/bin/bash", "-c",
                    "cd '\(scratch.path)'; XDG_CACHE_HOME='\(cache.path)' PATH=\"$PWD/bin:$PATH\" \(command) 2>&1",
                ],
                seconds: 60,
                checked: false
            )
            return (done.output + "\n", done.status)
        }

        func page(_ name: String) -> String? {
            try? String(contentsOfFile: scratch.path + "/docs/verified/\(name).md", encoding: .utf8)
        }

        /// What is not as it should be.
        func problems() throws -> String { try run("python3 scripts/testing/lanes.py check").text }
    }

    private static let allIsWell = "lanes and their pages are as they should be\n"

    @Test func `this repository's lanes and their pages are as they should be`() throws {
        let done = try Subprocess.run(
            ["/usr/bin/env", "python3", Cases.repository.path + "/scripts/testing/lanes.py", "check"],
            seconds: 60,
            checked: false
        )
        #expect(done.output + "\n" == Self.allIsWell)
    }

    @Test func `a lane that passes leaves a page that says what ran`() throws {
        let place = try Place()
        let ran = try place.run("scripts/test --lane good")
        #expect(ran.status == 0 && ran.text.hasSuffix("good: 3 passed, 0 failed\n"), "\(ran)")
        let page = try #require(place.page("good"))
        for line in [
            "# Lane good", "- Proves: that good is as it is", "- Result: 3 passed, 0 failed", "- Fact: it is small",
            "- Skipped: the moon: too far",
        ] {
            #expect(page.contains(line + "\n"), "\(page)")
        }
        #expect(!page.contains(place.scratch.path))
        #expect(try place.problems() == Self.allIsWell)
        let listed = try place.run("scripts/test --lanes")
        #expect(listed.text.contains("good") && listed.text.contains("that good is as it is"), "\(listed)")
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        let script: String
        let says: String
        var limit = "1 min"
        var testDescription: String { script }
    }

    @Test(arguments: [
        Bad(script: "echo 'bad: 3 passed, 1 failed'; exit 1", says: "it exited with 1"),
        Bad(script: "echo 'bad: 3 passed, 1 failed'", says: "tests failed"),
        Bad(script: "echo 'bad: 0 passed, 0 failed'", says: "nothing ran"),
        Bad(script: "echo 'good: 3 passed, 0 failed'", says: "its last line is not `bad: n passed, n failed`"),
        Bad(script: "echo 'bad: 3 passed, 0 failed'; exit 3", says: "it exited with 3"),
        Bad(
            script: "echo 'bad: 3 passed, 0 failed'; echo >>Sources/a.swift",
            says: "its files were changed while it ran"
        ),
    ])
    func `a lane that shows nothing does not pass, and leaves no page`(bad: Bad) throws {
        let place = try Place()
        try place.lane("bad", bad.script)
        try place.write(".ci/lanes", "Sources/* good bad\n")
        let ran = try place.run("scripts/test --lane bad")
        #expect(ran.status == 1 && ran.text.contains("bad did not pass: \(bad.says)\n"), "\(ran)")
        #expect(place.page("bad") == nil)
    }

    @Test func `a lane that hangs is ended with all that it started`() throws {
        let place = try Place()
        try place.lane("bad", "sleep 100 & echo $! >number; wait")
        let ran = try place.run("python3 -c \"\(Self.withLimit)\" bad")
        #expect(ran.text.contains("bad did not pass: it was not done after 0.0 min and was ended"), "\(ran)")
        let number = try String(contentsOfFile: place.scratch.path + "/number", encoding: .utf8)
        let pid = try #require(Int32(number.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(Patience.wait { kill(pid, 0) != 0 })
    }

    /// Runs a lane with a limit of two seconds.
    private static let withLimit =
        "import sys; sys.path.insert(0, 'scripts/testing'); import lanes; lanes.run([lanes.read_lane(sys.argv[1])], lambda lane: 2)"

    @Test func `a header that does not say what the lane proves is refused`() throws {
        let place = try Place()
        try place.write("scripts/lanes/bare", "#!/bin/sh\n# takes: long\n", isExecutable: true)
        let ran = try place.run("scripts/test --lane bare")
        #expect(ran.status != 0 && ran.text.contains("its header lacks proves (what is true"), "\(ran)")
        #expect(try place.run("scripts/test --lane none").text.contains("there is no lane 'none'"))
    }

    @Test func `CI runs a lane when its files are not those of its page, and says what it did not run`() throws {
        let place = try Place()
        try place.lane("other", "echo 'other: 1 passed, 0 failed'", ci: "no: it needs the moon")
        try place.write(".ci/lanes", "Sources/a* good\nSources/b* other\n")
        try place.commit("2026-01-02T00:00:00Z")
        let now = Int(Date().timeIntervalSince1970)
        func ci(minutes: Int = 0) throws -> String {
            try place.run("python3 scripts/testing/lanes.py ci \(now - minutes * 60)").text
        }
        #expect(try ci().hasSuffix("\n\ngood: 3 passed, 0 failed\nnot run: other: no: it needs the moon\n"))
        _ = try place.run("scripts/test --lane other")
        #expect(try ci().hasSuffix("\nnot run: other: no: it needs the moon\n"))
        #expect(try ci().contains("\n\nnot run: good: its files are those of docs/verified/good.md\n") == false)
        #expect(try ci().contains("not run: good: its files are those of docs/verified/good.md\n"))
        try place.write("Sources/b.swift", "changed\n")
        let changed = try ci()
        #expect(changed.contains("not run: good: its files are those of docs/verified/good.md\n"))
        #expect(changed.contains("not run: other: no: it needs the moon (passed on "), "\(changed)")
        #expect(changed.hasSuffix("; its files have changed since)\n"), "\(changed)")
        try place.write("Sources/a.swift", "changed\n")
        #expect(try ci(minutes: 61).contains("not run: good: CI was 61 min old, and begins nothing after 60\n"))
        try place.lane("good", "echo 'good: 3 passed, 1 failed'")
        let failed = try place.run("python3 scripts/testing/lanes.py ci \(now)")
        #expect(failed.status == 1 && failed.text.contains("good did not pass: tests failed\n"), "\(failed)")
    }

    @Test(arguments: [true, false])
    func `CI ends with what each part gave, and is red when one is`(isGreen: Bool) throws {
        let place = try Place()
        let tests =
            isGreen ? "test: 9 passed, 0 failed'" : "failed: Some: test'; echo 'test: 8 passed, 1 failed'; exit 1"
        try place.write(
            "scripts/test",
            "#!/bin/bash\necho 'skipped: Some: other: no root'; echo '\(tests)\n",
            isExecutable: true
        )
        let ran = try place.run(".ci/run")
        let end =
            isGreen
            ? """
            ci: after 0 min
            format: 1 passed, 0 failed
            skipped: Some: other: no root
            test: 9 passed, 0 failed
            good: 3 passed, 0 failed

            """
            : """
            ci: after 0 min
            format: 1 passed, 0 failed
            skipped: Some: other: no root
            failed: Some: test
            test: 8 passed, 1 failed
            not run: the lanes, since scripts/test failed

            """
        #expect(ran.text.hasSuffix("\n\n" + end), "\(ran.text)")
        #expect(ran.status == (isGreen ? 0 : 1))
    }

    @Test(arguments: [true, false])
    func `--all runs the tests, then every lane whatever they gave`(isGreen: Bool) throws {
        let place = try Place()
        try place.write("scripts/setup", "#!/bin/sh\n", isExecutable: true)
        try place.write(
            "scripts/testing/swift-tests",
            "#!/bin/sh\necho 'test: 5 passed, \(isGreen ? 0 : 1) failed'; exit \(isGreen ? 0 : 1)\n",
            isExecutable: true
        )
        let ran = try place.run("scripts/test --all")
        #expect(
            ran.text.hasSuffix("good: 3 passed, 0 failed\ntest: 5 passed, \(isGreen ? 0 : 1) failed\n"),
            "\(ran.text)"
        )
        #expect((ran.status == 0) == isGreen)
    }

    @Test func `a page of a lane that CI does not run may be 60 days older than a change of its files, by commits`()
        throws
    {
        let place = try Place()
        try place.lane("good", "echo 'good: 3 passed, 0 failed'", ci: "no: it needs the moon")
        try place.write(".ci/lanes", "Sources/a* good\n")
        #expect(
            try place.problems().contains("CI does not run lane good, and there is no docs/verified/good.md; run it")
        )
        _ = try place.run("scripts/test --lane good")
        let page = try #require(place.page("good"))
        let dated = page.replacing(/- Date: .*/, with: "- Date: 2026-01-01")
        try place.write("docs/verified/good.md", dated)
        // Nothing of it was changed: it is as old as it may be.
        try place.write("Sources/b.swift", "changed\n")
        try place.commit("2027-01-01T00:00:00Z")
        #expect(try place.problems() == Self.allIsWell)
        try place.write("Sources/a.swift", "changed\n")
        try place.commit("2026-03-01T00:00:00Z")
        #expect(try place.problems() == Self.allIsWell)
        try place.write("Sources/a.swift", "changed again\n")
        try place.commit("2026-03-05T00:00:00Z")
        #expect(try place.problems().contains("docs/verified/good.md is 63 days older than the newest change"))
        try place.write("docs/verified/good.md", dated.replacing("3 passed", with: "0 passed"))
        #expect(try place.problems().contains("docs/verified/good.md: Result is '0 passed, 0 failed', not of the form"))
    }

    @Test func `a lane that has not passed as a whole says so until it has a page`() throws {
        let place = try Place()
        let seen = "3 of 4 steps passed by hand"
        try place.lane("good", "echo 'good: 4 passed, 0 failed'", ci: "no: it needs the moon", unproven: seen)
        try place.write(".ci/lanes", "Sources/a* good\n")
        #expect(try place.problems() == Self.allIsWell)
        let ci = try place.run("python3 scripts/testing/lanes.py ci 0")
        #expect(
            ci.text.contains("not run: good: has never passed as a whole (\(seen)); no: it needs the moon"),
            "\(ci.text)"
        )
        _ = try place.run("scripts/test --lane good")
        #expect(try place.problems().contains("lane good has passed, see its page; take `unproven:` out of its header"))
    }

    struct Run: Sendable, CustomTestStringConvertible {
        /// Of a test `one`: each kind of event, in order.
        let events: [String]
        let status: Int
        let says: String
        var isParameterized = false
        var testDescription: String { says }
    }

    @Test(arguments: [
        Run(events: ["testStarted", "testEnded", "runEnded"], status: 0, says: "test: 1 passed, 0 failed"),
        Run(
            events: ["testStarted", "testEnded", "runEnded"],
            status: 1,
            says: "swift test exited with 1\ntest: 1 passed, 0 failed"
        ),
        Run(
            events: ["testSkipped", "runEnded"],
            status: 0,
            says: "skipped: M: one: no root\nnothing ran\ntest: 0 passed, 0 failed"
        ),
        Run(
            events: ["testStarted", "testEnded", "runEnded"],
            status: 0,
            says: "had no case: M: one\ntest: 0 passed, 1 failed",
            isParameterized: true
        ),
        Run(
            events: ["testStarted", "testCaseStarted", "testCaseEnded", "testEnded", "runEnded"],
            status: 0,
            says: "test: 1 passed, 0 failed",
            isParameterized: true
        ),
        Run(
            events: ["testStarted", "issueRecorded", "testEnded", "runEnded"],
            status: 1,
            says: "failed: M: one\ntest: 0 passed, 1 failed"
        ),
        Run(
            events: ["testStarted"],
            status: 139,
            says: "did not end: M: one\nthe run ended before its end\ntest: 0 passed, 1 failed"
        ),
        Run(events: ["runEnded"], status: 0, says: "nothing ran\ntest: 0 passed, 0 failed"),
    ])
    func `the closing lines of tests name what showed nothing`(run: Run) throws {
        let scratch = try TestSupport.Scratch()
        let test =
            #"{"kind":"test","payload":{"id":"M.S/one()","kind":"function","name":"one","isParameterized":\#(run.isParameterized)}}"#
        let events = run.events.map { kind in
            let about = kind.hasPrefix("run") ? "" : #""testID":"M.S/one()","#
            return
                #"{"kind":"event","payload":{"kind":"\#(kind)",\#(about)"messages":[{"symbol":"skip","text":"Test one skipped: \"no root\""}]}}"#
        }
        let file = try scratch.write("events", ([test] + events + ["{\"cut"]).joined(separator: "\n"))
        let done = try Subprocess.run(
            [
                "/usr/bin/env", "python3", Cases.repository.path + "/scripts/testing/closing.py", "test", file,
                "\(run.status)",
            ],
            seconds: 30,
            checked: false
        )
        #expect(done.output == run.says)
        #expect((done.status == 0) == (run.says == "test: 1 passed, 0 failed"))
    }

    @Test func `.ci/lanes names lanes and files that there are`() throws {
        let place = try Place()
        try place.write(".ci/lanes", "Sources/a* good\nSources/c* good gone\n")
        let problems = try place.problems()
        #expect(problems.contains(".ci/lanes names the lane 'gone', which scripts/lanes does not have"))
        #expect(problems.contains(".ci/lanes: no file is like 'Sources/c*'"))
    }
}
