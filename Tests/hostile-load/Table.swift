import Foundation

/// The figures as lines of text.
struct Table {
  let rows: [Row]

  var isGood: Bool { rows.allSatisfy(\.faults.isEmpty) }

  var text: String {
    var lines = [
      "| load | clients | ordinary p50 / p99 / max, ms | of | gone after, s | descriptors "
        + "| MiB before / peak / after | |",
      "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows {
      let times = [0.5, 0.99, 1].map { number(row.ordinary.percentile($0) / .milliseconds(1)) }
      let memory = [row.residentBytes.before, row.residentBytes.peak, row.residentBytes.after]
      let cells = [
        row.name, "\(row.clients)", times.joined(separator: " / "),
        "\(row.ordinary.times.count)", row.cut.map { number($0 / .seconds(1)) } ?? "",
        "\(row.descriptors.before) / \(row.descriptors.after)",
        memory.map { number(Double($0) / 1_048_576) }.joined(separator: " / "), row.remark,
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    for row in rows { lines += row.faults.map { "MISSED, \(row.name): \($0)" } }
    return lines.joined(separator: "\n")
  }

  private func number(_ value: Double) -> String { String(format: "%.1f", value) }
}
