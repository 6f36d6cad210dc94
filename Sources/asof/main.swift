import Glibc
import Postgres

let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case EmbeddedCluster.Supervision.subcommand where arguments.count == 3:
    exit(EmbeddedCluster.supervise(home: arguments[2]))
default:
    print("asof")
}
