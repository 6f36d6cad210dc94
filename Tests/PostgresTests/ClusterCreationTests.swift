import Glibc
import Testing

@testable import EmbeddedPostgres

/// Making, finding and refusing stores.
@Suite(.serialized)
struct ClusterCreationTests {
    @Test func `a store is found from folders below it, and nowhere else`() throws {
        let scratch = Scratch(name: "/project/deep/er")
        #expect(try EmbeddedCluster.find(from: scratch.path) == nil)
        let cluster = try EmbeddedCluster.create(in: scratch.path + "/../..")
        #expect(try EmbeddedCluster.find(from: scratch.path) == cluster)
        #expect(try EmbeddedCluster.find(from: scratch.path + "/../../..") == nil)
        #expect(throws: ClusterError.exists(path: cluster.location.folder)) {
            try EmbeddedCluster.create(in: scratch.path + "/../..")
        }
    }

    @Test func `a store works in a path of more than 120 characters, with spaces and quotes`() throws {
        let scratch = Scratch(
            name: "/it's a \"deep\" folder/" + String(repeating: "x", count: 120) + "/$HOME `id` \u{e9}"
        )
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        #expect(ask(running.conninfo, "SELECT 1") == "1")
        let socket = try #require(try cluster.status().socketFolder)
        #expect(socket.utf8.count < 60)
    }

    @Test func `a folder that asof did not make is refused and left alone`() throws {
        let scratch = Scratch(name: "/asof-data")
        let parent = scratch.path + "/.."
        try writeNewFile(scratch.path + "/precious", "mine")
        let real = try resolvedPath(scratch.path)
        #expect(throws: ClusterError.foreignFolder(path: real)) { try EmbeddedCluster.find(from: parent) }
        #expect(throws: ClusterError.foreignFolder(path: real)) { try EmbeddedCluster.create(in: parent) }
        #expect(folderEntries(scratch.path) == ["precious"])
    }

    @Test func `the remains of a killed init are cleared by the next one`() throws {
        let scratch = Scratch(name: "/.asof-data.new/pg/base")
        try writeNewFile(scratch.path + "/rest", "x")
        let cluster = try EmbeddedCluster.create(in: scratch.path + "/../../..")
        #expect(
            folderEntries(cluster.location.folder).sorted() == [
                "asof.store", "pg", "start.lock", "supervisor.lock", "use.lock",
            ]
        )
        #expect(FileIdentity(path: scratch.path) == nil)
    }

    @Test func `of several inits at once one makes the store`() throws {
        let scratch = Scratch()
        let answers = inParallel(5) { _ in
            do {
                _ = try EmbeddedCluster.create(in: scratch.path)
                return "made"
            } catch { return "\(error)" }
        }
        #expect(answers.count { $0 == "made" } == 1, "\(answers)")
        #expect(answers.allSatisfy { $0 == "made" || $0.contains("another asof init") || $0.contains("already") })
        let cluster = try #require(try EmbeddedCluster.find(from: scratch.path))
        #expect(ask(try cluster.open(supervision()).conninfo, "SELECT 1") == "1")
    }

    @Test(arguments: [
        ("", "has no format"), ("format = 2", "format 2"), ("format = 1\nid = zz", "id is not"),
        ("format = 1\nid = 0123456789abcdef\nhome = /etc", "home must be"),
        ("format = 1\nid = 0123456789abcdef\nhome = /var/lib/asof/..", "home must be"),
        ("format = 1\nid = 0123456789abcdef\nhome = /var/lib/asof/gone", "not there"),
    ])
    func `a damaged marker is refused`(text: String, message: String) throws {
        let scratch = Scratch(name: "/asof-data")
        try writeNewFile(scratch.path + "/asof.store", text)
        let error = #expect(throws: ClusterError.self) { try EmbeddedCluster.find(from: scratch.path + "/..") }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test func `data of another major version names the version to install`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let file = cluster.location.data + "/PG_VERSION"
        unlink(file)
        try writeNewFile(file, "99\n", mode: 0o644)
        chown(file, cluster.account.uid, cluster.account.gid)
        let error = #expect(throws: ClusterError.self) { try cluster.open(supervision()) }
        #expect(error?.description.contains("postgresql-99") == true, "\(String(describing: error))")
    }

    @Test func `a socket folder that somebody else made is refused`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let socket = cluster.location.socketFolder(of: cluster.account)
        mkdir(socket, 0o700)
        defer { rmdir(socket) }
        chmod(socket, 0o777)
        let error = #expect(throws: ClusterError.self) { try cluster.open(supervision()) }
        #expect(error?.description.contains("not safe") == true, "\(String(describing: error))")
    }

    @Test func `a store that was moved works, its old socket notwithstanding`() throws {
        let scratch = Scratch(name: "/a")
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        try cluster.open(supervision(idle: 1)).close()
        #expect(
            eventually {
                let name = supervisorProcess(of: cluster).flatMap { readText("/proc/\($0)/comm") }
                return name == "asof-supervisor\n"
            }
        )
        let watching = try cluster.open(supervision(idle: 1))
        #expect(watching.absence == nil)
        let new = String(scratch.path.dropLast() + "b")
        #expect(rename(scratch.path, new) == 0)
        #expect(watching.absence?.contains("was moved or deleted") == true)
        #expect(ask(watching.conninfo, "SELECT 1") == "1")
        watching.close()
        let moved = try #require(try EmbeddedCluster.find(from: new))
        #expect(ask(try moved.open(supervision(idle: 1)).conninfo, "SELECT 1") == "1")
        #expect(eventually { moved.isStopped() })
        #expect(ask(try moved.open(supervision(idle: 1)).conninfo, "SELECT 1") == "1")
        try moved.stop()
    }

    @Test(.enabled(if: ServiceAccount.isRoot, "needs root"))
    func `copies that lost owners or rights say what mends them, and that mends them`() throws {
        let scratch = Scratch(name: "/a")
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let copy = Scratch()
        let folder = copy.path + "/asof-data"
        try Subprocess.run(["/bin/cp", "-r", cluster.location.folder, folder], seconds: 60)
        let owned = #expect(throws: ClusterError.self) { try EmbeddedCluster.find(from: copy.path) }
        #expect(owned == .ownedByRoot(path: folder, account: "postgres"))
        #expect(owned?.description.contains("chown -R postgres: '\(folder)'") == true)
        try Subprocess.run(["/bin/chown", "-R", "postgres:", folder], seconds: 10)

        let mended = try #require(try EmbeddedCluster.find(from: copy.path))
        chmod(mended.location.data, 0o777)
        let rights = #expect(throws: ClusterError.self) { try mended.open(supervision()) }
        #expect(rights?.description.contains("chmod 700 '\(folder)/pg'") == true, "\(String(describing: rights))")
        chmod(mended.location.data, 0o700)
        chown(mended.location.data + "/global", 0, 0)
        let part = #expect(throws: ClusterError.self) { try mended.open(supervision()) }
        #expect(
            part?.description.contains("chown -R postgres: '\(folder)'") == true,
            "\(String(describing: part))"
        )
        try Subprocess.run(["/bin/chown", "-R", "postgres:", folder], seconds: 10)
        #expect(ask(try mended.open(supervision()).conninfo, "SELECT 1") == "1")
    }

    @Test func `a plain user's copy of somebody else's store is told whom to ask, and how it becomes theirs`() {
        let error = ClusterError.otherOwner(path: "/x/asof-data", owner: "ann", user: "bob")
        #expect(error.description.contains("run asof as ann"))
        #expect(error.description.hasSuffix("sudo chown -R bob: '/x/asof-data'"))
    }

    @Test func `missing server programs name Debian's package`() {
        #expect(ClusterError.serverMissing(searched: []).description.contains("apt-get install postgresql-15"))
    }

    @Test(.enabled(if: ServiceAccount.isRoot, "needs root"))
    func `root's store in a folder that postgres cannot enter has its data below /var/lib/asof`() throws {
        let scratch = Scratch(name: "/secret")
        chmod(scratch.path, 0o700)
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        defer { _ = try? Subprocess.run(["/bin/rm", "-rf", cluster.location.home], seconds: 60) }
        #expect(cluster.location.home.hasPrefix("/var/lib/asof/"))
        #expect(folderEntries(cluster.location.folder) == ["asof.store"])
        #expect(ask(try cluster.open(supervision()).conninfo, "SELECT 1") == "1")
        try Subprocess.run(["/bin/cp", "-a", scratch.path, scratch.path + "2"], seconds: 10)
        let error = #expect(throws: ClusterError.self) { try EmbeddedCluster.find(from: scratch.path + "2") }
        #expect(error?.description.contains("is a copy of") == true, "\(String(describing: error))")
        try cluster.stop()
    }

    @Test(.enabled(if: ServiceAccount.isRoot, "needs root"))
    func `only the owner and root can connect`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        let psql = ["/usr/bin/psql", "-Atc", "SELECT 1", running.conninfo]
        let owner = try Subprocess.run(cluster.account.running(psql), seconds: 10, checked: false)
        #expect(owner.output == "1")
        let nobody = try Subprocess.run(ServiceAccount(uid: 65_534).running(psql), seconds: 10, checked: false)
        #expect(nobody.output.contains("Permission denied"), "\(nobody)")
    }

    @Test(.enabled(if: ServiceAccount.isRoot, "needs root"))
    func `root uses a plain user's store as that user, but not one planted in a shared folder`() throws {
        let nobody = ServiceAccount(uid: 65_534)
        let scratch = Scratch(name: "/theirs")
        chown(scratch.path, nobody.uid, nobody.gid)
        let made = try EmbeddedCluster.create(in: scratch.path)
        try Subprocess.run(["/bin/chown", "-R", "\(nobody.uid):\(nobody.gid)", made.location.folder], seconds: 10)
        let cluster = try #require(try EmbeddedCluster.find(from: scratch.path))
        #expect(cluster.account.uid == nobody.uid)
        #expect(ask(try cluster.open(supervision()).conninfo, "SELECT 1") == "1")
        let server = try #require(cluster.serverPid)
        #expect(FileIdentity(path: "/proc/\(server)")?.owner == nobody.uid)
        try cluster.stop()
        chown(scratch.path, 0, 0)
        #expect(throws: ClusterError.self) { try EmbeddedCluster.find(from: scratch.path) }
    }
}
