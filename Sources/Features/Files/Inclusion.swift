import Yams

/// Reads a file of definitions and those that it includes, depth first.
///
/// A file that is reached twice is read once. Bounded by ``DefinitionLimits``: files, bytes, values, levels and names that
/// are compared with patterns.
struct Inclusion<Files: DefinitionFiles> {
    private let files: Files
    var reader: DefinitionsReader
    private(set) var documents: [DefinitionsText.Document] = []
    private(set) var project = ""
    /// Whether something that should have been read was not, so that names may be missing for no fault of theirs.
    private(set) var isIncomplete = false

    /// The files on the way from the first one to the one that is being read.
    private var path: [(file: String, identity: String)] = []
    private var seen: Set<String> = []
    private var bytes = 0
    private var nodes = 0
    private var names = 0

    init(file: String, files: Files) {
        self.files = files
        reader = DefinitionsReader(file: file)
    }

    /// Reads the first file, or one that another includes.
    mutating func read(yaml: String, _ file: String) {
        let outer = reader.file
        defer { reader.file = outer }
        reader.file = file
        var identity = "named \(file)"
        if case .file(let known) = files.kind(of: file) { identity = known }
        path.append((file, identity))
        seen.insert(identity)
        defer { path.removeLast() }
        let index = documents.count
        documents.append(.init(file: file))
        reader.sources[file] = yaml
        bytes += yaml.utf8.count
        let document: YAMLDocument
        do throws(DefinitionsError) { document = try YAMLDocument(yaml: yaml, file: file) } catch {
            isIncomplete = true
            for issue in error.issues { reader.report(issue) }
            return
        }
        nodes += document.nodes
        guard let root = document.root, !reader.isNull(root) else { return }
        guard nodes <= DefinitionLimits.totalNodesMax else {
            refuse(at: root, "the files have more than \(DefinitionLimits.totalNodesMax) values together")
            return
        }
        guard let sections = reader.fields(of: root, "the file", known: DefinitionKeys.file.names) else { return }
        documents[index].sections = sections
        if let field = sections["project"] { readProject(field) }
        if let field = sections["include"], !reader.isNull(field.value) { include(field) }
    }

    private mutating func readProject(_ field: DefinitionsReader.Field) {
        let isFirst = path.count == 1
        let what = "the project"
        guard !reader.isNull(field.value), field.value.scalar?.string != "" else {
            reader.fault(at: field.key, "\(what) has no name; leave the line out for definitions of no project")
            return
        }
        guard let name = reader.text(field.value, what) else { return }
        reader.checkName(name, "project", at: field.value)
        if isFirst {
            project = name
        } else if name != project {
            let first = "\(path[0].file), which includes it, \(project.isEmpty ? "none" : "'\(project)'")"
            reader.fault(
                at: field.value,
                "this file says project '\(name.oneLine)', and \(first); all files of an apply are of one project"
            )
        }
    }

    private mutating func include(_ field: DefinitionsReader.Field) {
        guard let nodes = reader.elements(of: field.value, "'include'", example: "include: [views/*.yaml]") else {
            isIncomplete = true
            return
        }
        for node in nodes {
            guard let text = reader.text(node, "an element of 'include'") else {
                isIncomplete = true
                continue
            }
            let pattern: PathPattern
            do throws(PathPattern.Refusal) { pattern = try PathPattern(text) } catch {
                refuse(at: node, "the path '\(text.oneLine)' \(error.reason)")
                continue
            }
            for file in matches(of: pattern, at: node) where !readIncluded(file, at: node) { return }
        }
    }

    /// - Returns: whether there is room for more.
    private mutating func readIncluded(_ file: String, at node: Node) -> Bool {
        guard case .file(let identity) = files.kind(of: file) else {
            refuse(at: node, "'\(file.oneLine)' is no file any more")
            return true
        }
        if let start = path.firstIndex(where: { $0.identity == identity }) {
            let circle = (path[start...].map(\.file) + [file]).joined(separator: " includes ")
            refuse(
                at: node,
                "files include one another in a circle: \(circle); keep included files in a folder of their own"
            )
            return true
        }
        if seen.contains(identity) { return true }
        guard path.count <= DefinitionLimits.includeDepthMax else {
            refuse(
                at: node,
                "'\(file.oneLine)' would be included over more than \(DefinitionLimits.includeDepthMax) levels"
            )
            return true
        }
        guard documents.count <= DefinitionLimits.includedFilesMax else {
            refuse(at: node, "more than \(DefinitionLimits.includedFilesMax) files are included")
            return false
        }
        let content: [UInt8]
        do throws(DefinitionFileFault) {
            content = try files.contents(of: file, bytesMax: DefinitionLimits.fileBytesMax)
        } catch {
            refuse(at: node, "'\(file.oneLine)' \(error.reason)")
            return true
        }
        guard bytes + content.count <= DefinitionLimits.totalBytesMax else {
            refuse(at: node, "the files have more than \(DefinitionLimits.totalBytesMax) bytes together")
            return false
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            refuse(at: node, "'\(file.oneLine)' is not valid UTF-8")
            return true
        }
        read(yaml: text, file)
        return true
    }

    /// A fault without which more would have been read.
    private mutating func refuse(at node: Node, _ message: String) {
        isIncomplete = true
        reader.fault(at: node, message)
    }
}

// MARK: Paths

extension Inclusion {
    /// The files that a pattern names, bytewise sorted; none is a fault, and so is what is no file.
    private mutating func matches(of pattern: PathPattern, at node: Node) -> [String] {
        var paths = [pattern.isAbsolute ? "/" : folder(of: reader.file)]
        for (index, part) in pattern.parts.enumerated() {
            let isLast = index == pattern.parts.count - 1
            guard part.hasWildcards else {
                paths = paths.map { $0 + part.text + (isLast ? "" : "/") }
                continue
            }
            var found: [String] = []
            for folder in paths {
                guard let names = list(folder, at: node) else { return [] }
                for name in names where part.matches(name) {
                    let isFolder = files.kind(of: folder + name) == .folder
                    if isFolder != isLast { found.append(folder + name + (isLast ? "" : "/")) }
                }
            }
            paths = found
        }
        paths.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let before = reader.issues.count
        paths = paths.filter { isFile($0, pattern, at: node) }
        if paths.isEmpty, reader.issues.count == before {
            let place = pattern.isAbsolute ? "" : " in \(folderText)"
            refuse(
                at: node,
                pattern.hasWildcards
                    ? "the path '\(pattern.text.oneLine)' matches no file\(place)"
                    : "there is no file '\(pattern.text.oneLine)'\(place)"
            )
        }
        return paths
    }

    private mutating func isFile(_ path: String, _ pattern: PathPattern, at node: Node) -> Bool {
        let isListed = pattern.parts.last?.hasWildcards ?? false
        switch files.kind(of: path) {
        case .file: return true
        case .folder: refuse(at: node, "'\(path.oneLine)' is a folder; expected files, as in \(pattern.text)/*.yaml")
        case .other: refuse(at: node, "'\(path.oneLine)' is no regular file")
        case .absent:
            // A name that was listed, and yet nothing is there.
            if isListed { refuse(at: node, "'\(path.oneLine)' is no file, or a link to nothing") }
        }
        return false
    }

    /// - Returns: `nil` after a fault.
    private mutating func list(_ folder: String, at node: Node) -> [String]? {
        let path = folder.isEmpty ? "." : folder == "/" ? folder : String(folder.dropLast())
        guard files.kind(of: path) == .folder else { return [] }
        let listed: [String]
        do throws(DefinitionFileFault) { listed = try files.names(in: path) } catch {
            refuse(at: node, "the folder '\(path.oneLine)' \(error.reason)")
            return nil
        }
        names += listed.count
        guard names <= DefinitionLimits.includeNamesMax else {
            refuse(
                at: node,
                "the folders that 'include' looks through have more than \(DefinitionLimits.includeNamesMax) names"
            )
            return nil
        }
        return listed
    }

    /// Up to its last `/`; empty for a file of this folder.
    private func folder(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    private var folderText: String {
        let folder = folder(of: reader.file)
        return folder.isEmpty ? "the folder of \(reader.file)" : folder
    }
}
