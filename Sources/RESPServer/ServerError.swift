import Glibc
import NIOCore

/// Why a server does not start.
package struct ServerError: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(listeningAt address: ListenAddress, _ error: any Error) {
        if error is SocketFile.OtherFile {
            description =
                "cannot listen at \(address.text): there is a file of that name that is no socket; remove it, or choose another "
                + "place by --listen"
            return
        }
        guard let failure = error as? IOError else {
            description = "cannot listen at \(address.text): \(error)"
            return
        }
        let hint: String
        switch failure.errnoCode {
        case EADDRINUSE: hint = "something listens there already; end it, or choose another place by --listen"
        case EACCES: hint = "this needs more rights; choose a port above 1023 by --listen"
        case EADDRNOTAVAIL: hint = "this machine does not have that address"
        default: hint = "choose another place by --listen"
        }
        description = "cannot listen at \(address.text): \(String(cString: strerror(failure.errnoCode))): \(hint)"
    }
}
