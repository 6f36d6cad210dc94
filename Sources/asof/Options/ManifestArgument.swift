import Workflows

/// The manifest that a command's argument names: itself, or the training set that it stands beside.
enum ManifestArgument {
    static func path(_ argument: String) -> String {
        let beside = argument + ".manifest.json"
        let isSet = !argument.hasSuffix(".json") && InputPath.exists(beside)
        return isSet ? beside : argument
    }
}
