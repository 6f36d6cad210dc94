import Commands
import NIOCore
import Server
import Testing

@Suite struct ConnectionTests {
    @Test func `requests are answered in order`() {
        var scene = Scene()
        scene.send("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING x\r\n")
        #expect(scene.reply() == "+PONG\r\n$2\r\nhi\r\n$1\r\nx\r\n")
        #expect(scene.ending == nil)
    }
}
