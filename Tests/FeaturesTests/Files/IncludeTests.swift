import Features
import TestSupport
import Testing

/// `include`: which files are read, and where a fault is said to be.
@Suite struct IncludeTests {
    private static let user = "entities: { user: { key: user_id, type: int64 } }\n"

    private static func view(_ name: String, _ entity: String = "user") -> String {
        "views:\n  \(name): { entities: [\(entity)], features: { x: int64 } }\n"
    }

    /// The names of the views that are read, in their order.
    private func views(_ files: MemoryFiles, _ root: String, file: String = "features.yaml") throws -> [String] {
        try DefinitionsText(yaml: root, file: file, from: files).resolved(against: Definitions())
            .definitions.views.map(\.name)
    }

    private func faults(_ files: MemoryFiles, _ root: String, file: String = "features.yaml") -> [String] {
        do {
            _ = try DefinitionsText(yaml: root, file: file, from: files).resolved(against: Definitions())
            return []
        } catch {
            return error.description.split(separator: "\n").map(String.init)
        }
    }

    @Test func `paths are relative to the including file, and files of a pattern come in bytewise order`() throws {
        let files = MemoryFiles([
            "conf/views/b.yaml": Self.view("b"), "conf/views/B.yaml": Self.view("upper"),
            "conf/views/é.yaml": Self.view("accent"), "conf/views/z.yaml": Self.view("z"),
            "conf/views/a.yaml": "include: [more/*.yaml, ../../shared/one.yaml]\n" + Self.view("a"),
            "conf/views/more/deep.yaml": Self.view("deep"), "shared/one.yaml": Self.view("shared"),
            "conf/views/.hidden.yaml": "no definitions", "conf/views/notes.txt": "no definitions",
            "views/wrong.yaml": Self.view("wrong"),
        ])
        let root = Self.user + "include: ['views/*.yaml']\n" + Self.view("own")
        #expect(
            try views(files, root, file: "conf/features.yaml") == [
                "own", "upper", "a", "deep", "shared", "b", "z", "accent",
            ]
        )
    }

    @Test func `a pattern may have wildcards in folders, and folders are not taken for files`() throws {
        let files = MemoryFiles([
            "teams/one/views.yaml": Self.view("one"), "teams/two/views.yaml": Self.view("two"),
            "teams/three/other.yaml": "no definitions", "teams/top.yaml": Self.view("top"),
        ])
        #expect(try views(files, Self.user + "include: ['teams/*/views.yaml', 'teams/*']\n") == ["one", "two", "top"])
        #expect(try views(files, Self.user + "include: ['./teams//t?p.yaml']\n") == ["top"])
    }

    @Test func `a file that is reached twice is read once, also by a link`() throws {
        let files = MemoryFiles(
            [
                "a.yaml": "include: [common.yaml]\n" + Self.view("a"),
                "b.yaml": "include: [common.yaml]\n" + Self.view("b"), "common.yaml": Self.view("common"),
            ],
            links: ["link.yaml": "common.yaml"]
        )
        let root = Self.user + "include: ['?.yaml', a.yaml, link.yaml]\n"
        #expect(try views(files, root) == ["a", "common", "b"])
    }

    @Test func `a link is followed, and what it leads to includes from where the link stands`() throws {
        let files = MemoryFiles(
            [
                "shared/team.yaml": "include: [near.yaml]\n", "shared/near.yaml": Self.view("far"),
                "conf/near.yaml": Self.view("near"),
            ],
            links: ["conf/team.yaml": "shared/team.yaml"]
        )
        #expect(try views(files, Self.user + "include: [team.yaml]\n", file: "conf/features.yaml") == ["near"])
    }

    /// What `include` says, and the first fault.
    struct Wrong: CustomTestStringConvertible {
        var include: String
        var fault: String
        var testDescription: String { include }
    }

    static let wrong: [Wrong] = [
        Wrong(
            include: "['views/*.yml']",
            fault: "1:11: the path 'views/*.yml' matches no file in the folder of f.yaml"
        ),
        Wrong(include: "[nowhere.yaml]", fault: "1:11: there is no file 'nowhere.yaml' in the folder of f.yaml"),
        Wrong(include: "['no/*/x.yaml']", fault: "1:11: the path 'no/*/x.yaml' matches no file"),
        Wrong(include: "[views]", fault: "1:11: 'views' is a folder; expected files, as in views/*.yaml"),
        Wrong(include: "[views/]", fault: "1:11: the path 'views/' names a folder; expected files, as in views/*.yaml"),
        Wrong(include: "['**/x.yaml']", fault: "1:11: the path '**/x.yaml' has '**'; * matches within one folder"),
        Wrong(
            include: "['{a,b}.yaml']",
            fault: "1:11: the path '{a,b}.yaml' has '{'; only * and ? stand for something"
        ),
        Wrong(include: "['x[0-9].yaml']", fault: "1:11: the path 'x[0-9].yaml' has '['; only"),
        Wrong(include: "['']", fault: "1:11: the path '' names no file"),
        Wrong(include: "[pipe]", fault: "1:11: 'pipe' is no regular file"),
        Wrong(include: "['p*']", fault: "1:11: 'pipe' is no regular file"),
        Wrong(include: "['links/*']", fault: "1:11: 'links/gone.yaml' is no file, or a link to nothing"),
        Wrong(include: "['locked/*']", fault: "1:11: the folder 'locked' cannot be read: Permission denied"),
        Wrong(include: "[f.yaml]", fault: "1:11: files include one another in a circle: f.yaml includes f.yaml; keep"),
        Wrong(
            include: "['*.yaml']",
            fault: "1:11: files include one another in a circle: f.yaml includes f.yaml; keep"
        ),
        Wrong(
            include: "[round/one.yaml]",
            fault: "round/two.yaml:1:11: files include one another in a circle: round/one.yaml includes "
                + "round/two.yaml includes round/../round/one.yaml"
        ),
        Wrong(include: "views/a.yaml", fault: "1:10: 'include' is a single value; expected a list, as in include: [v"),
        Wrong(include: "[{ path: x }]", fault: "1:11: an element of 'include' is a mapping; expected text"),
        Wrong(include: "[broken.yaml]", fault: "broken.yaml:2:1: no valid YAML"),
        Wrong(include: "[list.yaml]", fault: "list.yaml:1:1: the file is a list; expected a mapping"),
        Wrong(include: "[bytes.yaml]", fault: "1:11: 'bytes.yaml' is not valid UTF-8"),
        Wrong(include: "[large.yaml]", fault: "1:11: 'large.yaml' has more than 1048576 bytes"),
    ]

    @Test(arguments: wrong)
    func `an include that leads nowhere is a fault at its place`(wrong: Wrong) {
        let root = "include: \(wrong.include)\n"
        var files = MemoryFiles(
            [
                "f.yaml": root, "views/a.yaml": Self.view("a"), "round/one.yaml": "include: [two.yaml]\n",
                "round/two.yaml": "include: [../round/one.yaml]\n", "broken.yaml": "views: {\n", "list.yaml": "[]",
                "large.yaml": "#" + String(repeating: "x", count: 1 << 20), "locked/x": "",
            ],
            links: ["links/gone.yaml": "nowhere"],
            others: ["pipe"]
        )
        files.write("bytes.yaml", [0x23, 0xFF])
        let faults = faults(files, root, file: "f.yaml")
        let expected = wrong.fault.first?.isNumber == true ? "f.yaml:" + wrong.fault : wrong.fault
        #expect(faults.contains { $0.hasPrefix(expected) }, "\(faults)")
    }

    @Test func `what an unreadable file would have defined is not said to be missing`() {
        let files = MemoryFiles(["entities.yaml": "entities: {\n"])
        let faults = faults(files, "include: [entities.yaml]\n" + Self.view("v"))
        #expect(faults.count == 1 && faults[0].hasPrefix("entities.yaml:2:1: "), "\(faults)")
    }

    @Test func `faults are in the order of the files, each with its own name, line and column`() {
        let files = MemoryFiles([
            "b.yaml": "\nviews:\n  w: { entities: [usr], features: { x: flot } }\n",
            "a.yaml": Self.view("v") + "mor: 1\n",
        ])
        let root = Self.user + "include: [b.yaml, a.yaml]\nservices: { s: [v.y] }\n"
        #expect(
            faults(files, root).map { String($0.prefix(60)) }
                == [
                    "features.yaml:3:17: service 's' names an unknown feature 'y' ",
                    "b.yaml:3:19: view 'w' names an unknown entity 'usr'; did you ",
                    "b.yaml:3:40: the feature 'x' of view 'w' has the unknown typ",
                    "a.yaml:3:1: unknown key 'mor' in the file; known: project, i",
                ].map { String($0.prefix(60)) }
        )
    }

    @Test func `a name that two files define is a fault that names both places`() {
        let files = MemoryFiles([
            "a.yaml": Self.user + Self.view("v"), "b.yaml": "# again\n" + Self.view("v") + "services: { s: [v.x] }\n",
        ])
        let faults = faults(files, "include: ['?.yaml']\n" + Self.user + "services: { s: [v.x] }\n")
        #expect(
            faults == [
                "a.yaml:1:13: the entity 'user' is defined in two files; first at features.yaml:2:13; keep one of them",
                "b.yaml:3:3: the view 'v' is defined in two files; first at a.yaml:3:3; keep one of them",
                "b.yaml:4:13: the service 's' is defined in two files; first at features.yaml:3:13; keep one of them",
            ]
        )
    }

    @Test(arguments: [
        ("project: team_a\n", "project: team_a\n", nil), ("project: team_a\n", "", nil),
        ("project: team_a\n", "project: team_b\n", "in.yaml:1:10: this file says project 'team_b', and features.yaml"),
        (
            "", "project: team_b\n",
            "in.yaml:1:10: this file says project 'team_b', and features.yaml, which includes it, none"
        ),
        (
            "project:\n", "",
            "features.yaml:1:1: the project has no name; leave the line out for definitions of no project"
        ),
        ("project: ''\n", "", "features.yaml:1:1: the project has no name"),
        ("project: team-a\n", "", "features.yaml:1:10: the project name 'team-a' has a character other than letters"),
        ("project: [a]\n", "", "features.yaml:1:10: the project is a list; expected text"),
    ])
    func `all files are of one project`(root: String, included: String, fault: String?) throws {
        let files = MemoryFiles(["in.yaml": included + Self.user])
        let text = root + "include: [in.yaml]\n"
        if let fault {
            let faults = faults(files, text)
            #expect(faults.count == 1 && faults[0].hasPrefix(fault), "\(faults)")
        } else {
            let source = try DefinitionsText(yaml: text, file: "features.yaml", from: files)
            #expect(try source.resolved(against: Definitions()).project == "team_a")
        }
    }

    @Test func `levels, files, bytes, values and names are bounded`() {
        var deep: [String: String] = [:]
        for level in 1...9 { deep["\(level).yaml"] = level < 9 ? "include: [\(level + 1).yaml]\n" : Self.user }
        #expect(
            faults(MemoryFiles(deep), "include: [1.yaml]\n") == [
                "8.yaml:1:11: '9.yaml' would be included over more than 8 levels"
            ]
        )
        deep["8.yaml"] = Self.user
        #expect(faults(MemoryFiles(deep), "include: [1.yaml]\n") == [])

        let many = Dictionary(uniqueKeysWithValues: (0...1_000).map { ("v/\($0).yaml", "") })
        #expect(
            faults(MemoryFiles(many), "include: ['v/*']\n") == ["features.yaml:1:11: more than 1000 files are included"]
        )

        let large = Dictionary(
            uniqueKeysWithValues: (0..<4).map { ("v/\($0).yaml", "#" + String(repeating: "x", count: (1 << 20) - 1)) }
        )
        #expect(
            faults(MemoryFiles(large), "include: ['v/*']\n") == [
                "features.yaml:1:11: the files have more than 4194304 bytes together"
            ]
        )

        // Each file has few bytes and as many values as its aliases make.
        let values = String(repeating: "*a, ", count: 1_000)
        let bomb = "x: &a [\(String(repeating: "1, ", count: 800))]\ny: [\(values)]\n"
        let bombs = Dictionary(uniqueKeysWithValues: (0..<3).map { ("v/\($0).yaml", bomb) })
        let faults = faults(MemoryFiles(bombs), "include: ['v/*']\n")
        #expect(faults.contains("v/2.yaml:1:1: the files have more than 2097152 values together"), "\(faults)")
    }
}
