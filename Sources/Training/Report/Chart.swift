import Markup

/// A small drawing in SVG with two axes: lines, bars and dots in the units of its data.
///
/// Only numbers that are finite and texts that are escaped reach the drawing, so that whatever the data is it stays well-formed.
struct Chart {
    static let width = 400.0
    static let height = 270.0
    private static let (left, right, top, bottom) = (60.0, 12.0, 12.0, 42.0)

    enum Colour: String {
        case model = "#2b6a99"
        case pale = "#a9c6da"
        case other = "#9aa5b1"
        case chance = "#c3cad1"
    }

    private let title: String
    private let xs: ClosedRange<Double>
    private let ys: ClosedRange<Double>
    private var body = ""

    /// - Parameters:
    ///   - title: what the drawing shows, for those who do not see it.
    ///   - xTicks: where a number stands at the axis, with its text.
    init(
        _ title: String,
        x: ClosedRange<Double>,
        y: ClosedRange<Double>,
        xTitle: String,
        yTitle: String,
        xTicks: [(at: Double, text: String)],
        yTicks: [(at: Double, text: String)]
    ) {
        self.title = title
        (xs, ys) = (x, y)
        for tick in yTicks {
            let place = self.y(tick.at)
            body += """
                <line x1="\(Self.text(Self.left))" x2="\(Self.text(Self.width - Self.right))" y1="\(Self.text(place))" \
                y2="\(Self.text(place))" stroke="#e8ecef"/>
                """
            body += Self.label(tick.text, Self.left - 7, place + 4, "end")
        }
        for tick in xTicks { body += Self.label(tick.text, self.x(tick.at), Self.height - Self.bottom + 17, "middle") }
        body += Self.label(xTitle, (Self.left + Self.width - Self.right) / 2, Self.height - 6, "middle")
        let middle = (Self.top + Self.height - Self.bottom) / 2
        body += """
            <text x="12" y="\(Self.text(middle))" text-anchor="middle" \
            transform="rotate(-90 12 \(Self.text(middle)))">\(MarkupText.escaped(yTitle))</text>
            """
    }

    /// Ticks at 0, 0.25 … 1.
    static let unitTicks: [(at: Double, text: String)] = [
        (0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1, "1"),
    ]

    /// About four round numbers of a range.
    static func ticks(_ range: ClosedRange<Double>) -> [(at: Double, text: String)] {
        let span = range.upperBound - range.lowerBound
        guard span.isFinite, span > 0 else { return [] }
        var step = 1.0
        while step * 4 > span { step /= 10 }
        while step * 40 <= span { step *= 10 }
        let size = [1.0, 2, 5, 10].map { $0 * step }.first { span / $0 <= 5 } ?? step * 10
        var ticks: [(at: Double, text: String)] = []
        var at = (range.lowerBound / size).rounded(.up)
        while at * size <= range.upperBound, ticks.count < 12 {
            ticks.append((at * size, ReportText.short(at * size)))
            at += 1
        }
        return ticks
    }

    mutating func line(_ points: [TrainingReport.Point], _ colour: Colour, isDashed: Bool = false) {
        let places = points.filter { $0.x.isFinite && $0.y.isFinite }.map {
            "\(Self.text(x($0.x))),\(Self.text(y($0.y)))"
        }
        guard places.count > 1 else { return }
        body += """
            <polyline points="\(places.joined(separator: " "))" fill="none" stroke="\(colour.rawValue)" \
            stroke-width="\(isDashed ? "1.3" : "2.2")" stroke-linejoin="round"\(isDashed ? " stroke-dasharray=\"4 4\"" : "")/>
            """
    }

    mutating func dot(_ point: TrainingReport.Point, radius: Double, _ colour: Colour, tip: String) {
        guard point.x.isFinite, point.y.isFinite else { return }
        body += """
            <circle cx="\(Self.text(x(point.x)))" cy="\(Self.text(y(point.y)))" r="\(Self.text(radius))" \
            fill="\(colour.rawValue)"><title>\(MarkupText.escaped(tip))</title></circle>
            """
    }

    mutating func bar(from low: Double, to high: Double, base: Double, top: Double, _ colour: Colour, tip: String) {
        guard low.isFinite, high.isFinite, base.isFinite, top.isFinite else { return }
        let (left, width) = (x(low), max(x(high) - x(low) - 1.5, 0.5))
        body += """
            <rect x="\(Self.text(left))" y="\(Self.text(min(y(top), y(base))))" width="\(Self.text(width))" \
            height="\(Self.text(abs(y(base) - y(top))))" fill="\(colour.rawValue)"><title>\(MarkupText.escaped(tip))</title></rect>
            """
    }

    /// A line up and down, such as the bounds of a value.
    mutating func whisker(at place: Double, from low: Double, to high: Double, _ colour: Colour) {
        guard place.isFinite, low.isFinite, high.isFinite else { return }
        body += """
            <line x1="\(Self.text(x(place)))" x2="\(Self.text(x(place)))" y1="\(Self.text(y(low)))" \
            y2="\(Self.text(y(high)))" stroke="\(colour.rawValue)" stroke-width="1.5"/>
            """
    }

    var svg: String {
        """
        <svg viewBox="0 0 \(Self.text(Self.width)) \(Self.text(Self.height))" role="img">\
        <title>\(MarkupText.escaped(title))</title>\(body)</svg>
        """
    }

    private func x(_ value: Double) -> Double {
        let share = xs.upperBound > xs.lowerBound ? (value - xs.lowerBound) / (xs.upperBound - xs.lowerBound) : 0.5
        return Self.left + min(max(share, 0), 1) * (Self.width - Self.left - Self.right)
    }

    private func y(_ value: Double) -> Double {
        let share = ys.upperBound > ys.lowerBound ? (value - ys.lowerBound) / (ys.upperBound - ys.lowerBound) : 0.5
        return Self.height - Self.bottom - min(max(share, 0), 1) * (Self.height - Self.top - Self.bottom)
    }

    /// A tenth of a unit is below what anybody sees.
    private static func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private static func label(_ text: String, _ x: Double, _ y: Double, _ anchor: String) -> String {
        "<text x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" text-anchor=\"\(anchor)\">\(MarkupText.escaped(text))</text>"
    }
}
