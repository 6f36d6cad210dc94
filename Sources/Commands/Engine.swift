/// What the commands of all connections share.
package final class Engine: Sendable {
    package init() {}
}
