import Features
import PointInTime

extension FieldDecoder {
    /// Appends the slot of a value of a variable length's type, or of a vector's; not to its validity.
    ///
    /// Vectors and lists are JSON arrays, or what ``PrintedList`` reads.
    static func append(_ text: Span<UInt8>, to builder: inout ColumnBuilder) throws(ValueTextError) {
        if let passed = builder.passed { return try PassedBytes.append(text, passed, to: &builder) }
        switch builder.type {
        case .string:
            try ValueText.checkString(text, keepsNul: builder.keepsNul)
            builder.texts.append(span: text)
        case .bytes: builder.texts.append(try ValueText.bytes(text))
        case .vector(let dimensions): try appendVector(text, dimensions, to: &builder.floats)
        case .listInt64:
            try appendIntegers(text, to: &builder.int64s)
            builder.offsets.append(builder.int64s.count)
        case .listString:
            try appendStrings(text, to: &builder.texts)
            builder.offsets.append(builder.texts.count)
        case .bool, .int32, .int64, .float32, .float64, .timestamp: preconditionFailure("not of variable length")
        }
    }

    /// Leaves `floats` as it was where it throws.
    private static func appendVector(
        _ text: Span<UInt8>,
        _ dimensions: Int,
        to floats: inout [Float]
    ) throws(ValueTextError) {
        let before = floats.count
        do throws(ValueTextError) {
            do throws(ValueTextError) {
                var list = try ListScanner(text)
                while let element = try list.next() {
                    floats.append(try ValueText.float32(try number(element, in: text)))
                }
            } catch {
                guard error == .malformed else { throw error }
                floats.removeLast(floats.count - before)
                let list = try PrintedList(text)
                for index in 0..<list.elements.count {
                    let element = list.elements[index]
                    floats.append(try ValueText.float32(element.span))
                }
            }
            guard floats.count - before == dimensions else { throw .dimensions(got: floats.count - before) }
        } catch {
            floats.removeLast(floats.count - before)
            throw error
        }
    }

    /// Leaves `integers` as it was where it throws.
    static func appendIntegers(_ text: Span<UInt8>, to integers: inout [Int64]) throws(ValueTextError) {
        let before = integers.count
        do throws(ValueTextError) {
            do throws(ValueTextError) {
                var list = try ListScanner(text)
                while let element = try list.next() {
                    integers.append(try ValueText.integer(try number(element, in: text)))
                }
            } catch {
                guard error == .malformed else { throw error }
                integers.removeLast(integers.count - before)
                let list = try PrintedList(text)
                for index in 0..<list.elements.count {
                    let element = list.elements[index]
                    integers.append(try ValueText.integer(element.span))
                }
            }
        } catch {
            integers.removeLast(integers.count - before)
            throw error
        }
    }

    /// The text of an element that may be a number, also as a string.
    @_lifetime(copy text)
    private static func number(_ element: Field, in text: Span<UInt8>) throws(ValueTextError) -> Span<UInt8> {
        guard element.kind == .number || element.kind == .string else { throw .malformed }
        return text.extracting(element.range)
    }

    private static func appendStrings(_ text: Span<UInt8>, to texts: inout TextValues) throws(ValueTextError) {
        let before = texts.count
        do throws(ValueTextError) {
            do throws(ValueTextError) {
                var scratch: [UInt8] = []
                var list = try ListScanner(text)
                while let element = try list.next() {
                    guard element.kind == .string || element.kind == .stringEscaped else { throw .malformed }
                    scratch.removeAll(keepingCapacity: true)
                    JSONText.unescape(text.extracting(element.range), into: &scratch)
                    try ValueText.checkString(scratch.span)
                    texts.append(span: scratch.span)
                }
            } catch {
                guard error == .malformed else { throw error }
                texts.truncate(to: before)
                let list = try PrintedList(text)
                guard list.areTexts else { throw .malformed }
                for index in 0..<list.elements.count {
                    let element = list.elements[index]
                    try ValueText.checkString(element.span)
                    texts.append(element)
                }
            }
        } catch {
            texts.truncate(to: before)
            throw error
        }
    }
}
