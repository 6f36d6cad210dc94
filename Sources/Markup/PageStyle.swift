/// The look that all pages share: those of a server and those that are files.
///
/// Every colour of text has a contrast of at least 4.5 to what it stands on.
package enum PageStyle {
    /// Colours on white, and what each element looks like.
    package static let base = """
        :root { color-scheme: light; --page: #f6f8f9; --card: #fff; --code: #f1f4f6; --ink: #1f2a33; --quiet: #5a6670;
          --line: #e3e8ec; --model: #2b6a99; --bad: #8f2f12; --bad-page: #fde8e2; --good: #1c5c34; --good-page: #e3f3e8;
          --off: #4a5660; --off-page: #eceff2; }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        main { max-width: 960px; margin: 0 auto; padding: 28px 18px 60px; }
        h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
        h2 { font-size: 17px; margin: 0 0 12px; }
        p { margin: 0 0 6px; }
        header { margin-bottom: 18px; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 18px;
          margin-bottom: 16px; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px; }
        .card p { margin: 0; }
        .number { font-size: 25px; font-weight: 600; color: var(--model); line-height: 1.3; overflow-wrap: anywhere; }
        .quiet { color: var(--quiet); font-size: 13px; font-weight: 400; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        thead th { font-size: 13px; color: var(--quiet); white-space: nowrap; }
        th { font-weight: 600; }
        th:last-child, td:last-child { padding-right: 0; }
        tbody tr:last-child > * { border-bottom: 0; }
        .right { text-align: right; white-space: nowrap; }
        svg { display: block; width: 100%; height: auto; }
        pre { background: var(--code); border-radius: 6px; padding: 12px 14px; margin: 0 0 12px; white-space: pre-wrap;
          overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
        .facts td { font-size: 13px; overflow-wrap: anywhere; }
        .facts td:first-child { color: var(--quiet); white-space: nowrap; width: 1%; }
        @media print { body { background: #fff; } section { break-inside: avoid; } }

        """

    /// The same on black, for whose system asks for it. Drawings with colours of their own do not follow.
    package static let dark = """
        @media (prefers-color-scheme: dark) {
          :root { color-scheme: dark; --page: #12181d; --card: #1a2229; --code: #11171c; --ink: #e4e9ed; --quiet: #a3b0bb;
            --line: #303b44; --model: #7db8e0; --bad: #ffb59f; --bad-page: #43211a; --good: #8fdcaa; --good-page: #173524;
            --off: #b5c0c9; --off-page: #2a343c; }
        }

        """
}
