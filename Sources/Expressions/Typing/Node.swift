/// A typed expression: what is done with which columns, in order.
///
/// A part is evaluated for all rows of a batch at once. Null and error are flags of rows; those of a part that is not
/// reached in a row are dropped there.
indirect enum Node: Sendable {
    case constant(Operand)
    /// A column, by its number among those that the expression reads.
    case input(Int)
    /// What a `bind` around it has evaluated.
    case local(Int)
    /// Evaluates a value once for all uses in the body.
    case bind(Int, Node, in: Node)
    case apply(Kernel, [Node])
    case and(Node, Node)
    case or([Node])
    /// The value of the first condition that is true.
    case choice([Branch], otherwise: Node)
    case coalesce([Node])

    struct Branch: Sendable {
        var condition: Node
        var value: Node
    }
}

/// What an operator or a function does with its operands' columns.
typealias Kernel = @Sendable (_ operands: [Operand], _ rowCount: Int) -> Operand

/// A batch being evaluated.
struct Evaluation {
    let rowCount: Int
    private let inputs: [Operand]
    private var locals: [Operand?]

    /// - Parameter localCount: how many `bind`s there are.
    init(rowCount: Int, inputs: [Operand], localCount: Int) {
        self.rowCount = rowCount
        self.inputs = inputs
        locals = [Operand?](repeating: nil, count: localCount)
    }

    mutating func evaluate(_ node: Node) -> Operand {
        switch node {
        case .constant(let operand): return operand
        case .input(let number): return inputs[number]
        case .local(let slot):
            guard let operand = locals[slot] else { preconditionFailure("a local is used inside of its bind") }
            return operand
        case .bind(let slot, let value, let body):
            locals[slot] = evaluate(value)
            let result = evaluate(body)
            locals[slot] = nil
            return result
        case .apply(let kernel, let operands):
            return kernel(operands.map { evaluate($0) }, rowCount)
        case .and(let left, let right):
            let left = evaluate(left)
            return left.isDecided(false) ? left : Logic.join(left, evaluate(right), deciding: false, rowCount)
        case .or(let parts): return any(parts)
        case .choice(let branches, let otherwise): return choice(branches, otherwise)
        case .coalesce(let operands): return coalesce(operands)
        }
    }

    /// `or` is decided by a true part, `and` by a false one; then those behind it are not reached.
    private mutating func any(_ parts: [Node]) -> Operand {
        var result = evaluate(parts[0])
        for part in parts.dropFirst() {
            if result.isDecided(true) { break }
            result = Logic.join(result, evaluate(part), deciding: true, rowCount)
        }
        return result
    }

    private mutating func choice(_ branches: [Node.Branch], _ otherwise: Node) -> Operand {
        var selection = Selection(rowCount: rowCount)
        for branch in branches {
            guard selection.isOpen else { break }
            selection.take(evaluate(branch.condition))
        }
        selection.close(branchCount: branches.count)
        var values: [Operand?] = []
        for (place, branch) in branches.enumerated() {
            values.append(selection.isReached(place) ? evaluate(branch.value) : nil)
        }
        values.append(selection.isReached(branches.count) ? evaluate(otherwise) : nil)
        return selection.result(values, like: values.compactMap(\.self).first ?? evaluate(otherwise))
    }

    private mutating func coalesce(_ operands: [Node]) -> Operand {
        var selection = Selection(rowCount: rowCount)
        var values: [Operand?] = []
        for operand in operands {
            guard selection.isOpen else { break }
            let value = evaluate(operand)
            selection.takeValid(value)
            values.append(value)
        }
        guard let first = values.first ?? evaluate(operands[0]) else { preconditionFailure("coalesce has operands") }
        selection.close(branchCount: values.count)
        values.append(Operand(nullLike: first))
        return selection.result(values, like: first)
    }
}
