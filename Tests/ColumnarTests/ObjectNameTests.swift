import Testing

@testable import Columnar

/// Names of objects and the addresses of their storage; what storage itself does is tried by the lane `objects`.
@Suite struct ObjectNameTests {
    @Test func `a name is a bucket and a key`() throws {
        let name = try ObjectName("s3://my-bucket.1/a b/view=x/ä.parquet")
        #expect(name.bucket == "my-bucket.1")
        #expect(name.key == "a b/view=x/ä.parquet")
        #expect(name.lastPart == "ä.parquet")
        #expect(name.text == "s3://my-bucket.1/a b/view=x/ä.parquet")
        #expect(name.appending("c").path == "my-bucket.1/a b/view=x/ä.parquet/c")
        #expect(!ObjectName.isOne("/s3://x") && !ObjectName.isOne("s3:/x/y"))
    }

    @Test(arguments: [
        ("s3://", "'' is no name of a bucket"), ("s3://ab/x", "'ab' is no name of a bucket"),
        ("s3://my bucket/x", "'my bucket' is no name of a bucket"), ("s3://bucket", "behind the bucket goes a key"),
        ("s3://bucket/", "behind the bucket goes a key"), ("s3://bucket/a/", "its parts between single slashes"),
        ("s3://bucket//a", "its parts between single slashes"),
        ("s3://bucket/a/../b", "its parts between single slashes"),
        ("s3://bucket/./b", "its parts between single slashes"), ("s3://bucket/a?b", "'?' or '#'"),
        ("s3://bucket:9000/a", "a bucket has no '@' and no ':'"), ("file.csv", "does not begin with s3://"),
        ("s3://bucket/" + String(repeating: "k", count: 1_025), "more than 1024 bytes"),
    ])
    func `another name is refused`(text: String, reason: String) {
        let error = #expect(throws: ColumnarError.self) { try ObjectName(text) }
        #expect(error?.description.contains(reason) == true)
        #expect(error?.description.hasSuffix("expected s3://BUCKET/KEY") == true)
    }

    @Test func `a password before a bucket is not shown`() {
        let error = #expect(throws: ColumnarError.self) { try ObjectName("s3://key:secret@bucket/x") }
        #expect(error?.description.contains("secret") == false)
    }

    @Test(arguments: [
        ([:], "s3://bucket?allow_delayed_open=true"),
        (["AWS_REGION": "eu-west-1"], "s3://bucket?allow_delayed_open=true&region=eu-west-1"),
        (
            ["AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": ""],
            "s3://bucket?allow_delayed_open=true&region=eu-west-1"
        ),
        (
            ["AWS_ENDPOINT_URL": "http://127.0.0.1:9000"],
            "s3://bucket?allow_delayed_open=true&scheme=http&endpoint_override=127.0.0.1%3A9000&region=us-east-1"
        ),
        (
            ["AWS_ENDPOINT_URL": "http://no", "AWS_ENDPOINT_URL_S3": "https://minio.example/", "AWS_REGION": "x1"],
            "s3://bucket?allow_delayed_open=true&scheme=https&endpoint_override=minio.example&region=x1"
        ),
    ])
    func `the environment says where a bucket is`(environment: [String: String], uri: String) throws {
        #expect(try ObjectStorage.uri(try ObjectName("s3://bucket/x"), environment) == uri)
    }

    @Test(arguments: [
        "nonsense", "ftp://host", "http://user:secret@host", "http://host/path", "http://", "127.0.0.1:9000",
    ])
    func `an endpoint that is none is refused and not shown`(endpoint: String) throws {
        let name = try ObjectName("s3://bucket/x")
        let error = #expect(throws: ColumnarError.self) {
            try ObjectStorage.uri(name, ["AWS_ENDPOINT_URL": endpoint])
        }
        #expect(
            error?.description
                == "s3://bucket/x: AWS_ENDPOINT_URL is no endpoint; expected http://HOST:PORT or https://HOST"
        )
    }
}
