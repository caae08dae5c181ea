// The boundary as one picture: a row for each zone pair, a column for each service, a symbol for what is documented
// and what was found. Shapes differ as well as colours, and every cell says its meaning in words to who points at
// it; the same facts stand in a table further down the page.
#include <fmt/format.h>

#include <algorithm>

#include "reports/formats/html_parts.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

// In SVG units, which are CSS pixels until a printer scales the picture.
constexpr std::size_t kFromWidth = 132, kToWidth = 146, kRow = 28, kSymbol = 22, kMark = 11, kOverhang = 76;
constexpr std::size_t kColumnMin = 33, kColumnMax = 56, kCellsWidth = 680;  // few services stand further apart
constexpr std::size_t kRowsPerPiece = 22;             // with its header a piece fits an A4 page below a heading
constexpr std::size_t kFromMax = 15, kLabelMax = 17;  // characters

struct Symbol {
  MatrixCell::State state;
  std::string_view id, shape;
};

constexpr Symbol kSymbols[] = {
    {MatrixCell::State::forbidden, "m-forbidden",
     R"(<rect class="solid-bad" x="1" y="1" width="22" height="22" rx="3"/><path class="on" d="M7.5 7.5l9 9m0-9l-9 9"/>)"},
    {MatrixCell::State::undocumented, "m-undocumented",
     R"(<path class="solid-warn" d="M12 1.5L23 22.5H1z"/><path class="on" d="M12 9.5v6m0 3.4v.1"/>)"},
    {MatrixCell::State::approved_not_seen, "m-approved-not-seen",
     R"(<rect class="box-warn" x="2" y="2" width="20" height="20" rx="3"/><circle class="line-warn" cx="12" cy="12" r="4.6"/>)"},
    {MatrixCell::State::approved_not_measured, "m-approved-not-measured",
     R"(<rect class="box-open" x="2" y="2" width="20" height="20" rx="3"/><path class="line-open" d="M9.3 9.6a2.8 2.8 0 1 1 4 2.5c-1 .5-1.3 1-1.3 2m0 3.2v.1"/>)"},
    {MatrixCell::State::approved_seen, "m-approved-seen",
     R"(<rect class="box-good" x="2" y="2" width="20" height="20" rx="3"/><path class="line-good" d="M7 12.5l3.4 3.4L17 8.6"/>)"},
    {MatrixCell::State::unanswered, "m-unanswered", R"(<path class="line-open" d="M8 12h8"/>)"},
    {MatrixCell::State::not_measured, "m-not-measured",
     R"(<circle class="dot-open" cx="7.5" cy="12" r="1.2"/><circle class="dot-open" cx="12" cy="12" r="1.2"/><circle class="dot-open" cx="16.5" cy="12" r="1.2"/>)"},
};

/// What the configurations do with it stands as a small mark at the symbol's corner.
struct ConfiguredMark {
  std::string_view says, id, shape, legend;
};
constexpr ConfiguredMark kConfiguredMarks[] = {
    {"permits", "c-permits",
     R"(<circle class="disc" cx="12" cy="12" r="11"/><path class="line-good" d="M5 12h13m-5-5l5 5-5 5"/>)",
     "the configuration permits it"},
    {"denies", "c-denies",
     R"(<circle class="disc" cx="12" cy="12" r="11"/><path class="line-open" d="M6 6l12 12m0-12L6 18"/>)",
     "the configuration denies it"},
    {"partly", "c-partly",
     R"(<circle class="disc" cx="12" cy="12" r="11"/><path class="line-warn" d="M12 5v14M5 12h14"/>)",
     "the configuration permits part of it"},
    {"undetermined", "c-undetermined",
     R"(<circle class="disc" cx="12" cy="12" r="11"/><path class="line-open" d="M12 6v8m0 4v.1"/>)",
     "what the configuration does with it is undetermined"},
};
const ConfiguredMark* configured_mark(const MatrixCell& cell) {
  for (const ConfiguredMark& mark : kConfiguredMarks)
    if (mark.says == cell.configured) return &mark;
  return nullptr;
}

std::string_view symbol_id(MatrixCell::State state) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.state == state) return symbol.id;
  }
  return "m-not-measured";
}

/// The start of a name that has to fit beside the cells; the cell's words have it whole.
std::string label(std::string_view text, std::size_t characters_max = kLabelMax) {
  std::size_t at = 0, characters = 0;
  while (at < text.size() && characters < characters_max) {
    ++at, ++characters;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return html_escaped(text.substr(0, at)) + (at < text.size() ? "…" : "");
}

std::string words(const MatrixCell& cell) {
  std::string out = fmt::format("{} to {}, {}: {}", clipped(cell.from_zone, 80), clipped(cell.to_zone, 80),
                                clipped(cell.service, 80), meaning(cell.state));
  if (!cell.configured.empty()) out += "; configured: " + clipped(cell.configured, 40);
  for (std::size_t i = 0; i < cell.rules.size() && i < 6; ++i)
    out += (i == 0 ? "; rules " : ", ") + clipped(cell.rules[i], 40);
  if (!cell.findings.empty()) out += "; " + counted(cell.findings.size(), "finding", "findings");
  return html_escaped(out);
}

/// Room for the longest service name, standing at 50 degrees.
std::size_t header_height(const MatrixView& matrix) {
  std::size_t longest = 0;
  for (const std::string& service : matrix.services)
    longest = std::max(longest, std::min(service.size(), kLabelMax + 1));
  return 22 + longest * 11 / 2;
}

std::string piece(const MatrixView& matrix, std::size_t begin, std::size_t end) {
  std::size_t column_width = std::clamp(kCellsWidth / matrix.services.size(), kColumnMin, kColumnMax);
  std::size_t header = header_height(matrix);
  std::size_t first_cell = kFromWidth + kToWidth;
  std::size_t width = first_cell + matrix.services.size() * column_width + kOverhang;
  std::size_t right = first_cell + matrix.services.size() * column_width;
  std::size_t height = header + (end - begin) * kRow + 2;
  std::string out = fmt::format(
      "<svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"group\" aria-label=\"Zone pairs by "
      "services; the table of the boundary says the same in words\">\n",
      width, height);
  for (std::size_t row = begin; row < end; ++row) {
    if ((row - begin) % 2 == 0) {
      out += fmt::format("<rect class=\"band\" x=\"0\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                         header + (row - begin) * kRow, right, kRow);
    }
  }
  for (std::size_t column = 0; column < matrix.services.size(); ++column) {
    out += fmt::format("<text transform=\"translate({} {}) rotate(-50)\">{}</text>\n",
                       first_cell + column * column_width + column_width / 2 + 2, header - 9,
                       label(matrix.services[column]));
  }
  for (std::size_t row = begin; row < end; ++row) {
    const MatrixView::Row& line = matrix.rows[row];
    std::size_t top = header + (row - begin) * kRow;
    bool new_zone = row == begin || matrix.rows[row - 1].from_zone != line.from_zone;
    if (new_zone) {
      out +=
          fmt::format("<path class=\"rule\" d=\"M0 {0}H{1}\"/><text class=\"from\" x=\"6\" y=\"{2}\">{3}</text>\n",
                      top, right, top + 19, label(line.from_zone, kFromMax));
    }
    out += fmt::format("<text x=\"{}\" y=\"{}\">→ {}</text>\n", kFromWidth, top + 19, label(line.to_zone));
    for (std::size_t column = 0; column < line.cells.size(); ++column) {
      const MatrixCell* cell = line.cells[column];
      if (cell == nullptr) continue;
      bool linked = !cell->findings.empty();
      if (linked)
        out += fmt::format("<a href=\"#{}\">", html_anchor("f", cell->findings.front()));
      else
        out += "<g>";
      out += fmt::format("<title>{}</title><use href=\"#{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                         words(*cell), symbol_id(cell->state),
                         first_cell + column * column_width + (column_width - kSymbol) / 2,
                         top + (kRow - kSymbol) / 2, kSymbol, kSymbol);
      if (const ConfiguredMark* mark = configured_mark(*cell))
        out += fmt::format("<use href=\"#{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", mark->id,
                           first_cell + column * column_width + (column_width + kSymbol) / 2 - kMark + 3,
                           top + (kRow + kSymbol) / 2 - kMark + 2, kMark, kMark);
      out += linked ? "</a>\n" : "</g>\n";
    }
  }
  return out + "</svg>\n";
}

/// Where to cut: never more rows than fit a page, and between two zones where one can.
std::size_t piece_end(const MatrixView& matrix, std::size_t begin) {
  std::size_t end = std::min(begin + kRowsPerPiece, matrix.rows.size());
  if (end == matrix.rows.size()) return end;
  for (std::size_t cut = end; cut > begin + kRowsPerPiece / 2; --cut) {
    if (matrix.rows[cut].from_zone != matrix.rows[cut - 1].from_zone) return cut;
  }
  return end;
}

}  // namespace

std::string html_anchor(std::string_view prefix, std::string_view foreign_name) {
  std::string out = std::string(prefix) + "-";
  std::string bounded = clipped(foreign_name, 100);
  for (char c : bounded) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (plain)
      out += c;
    else
      out += fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string html_matrix_symbols() {
  std::string out = "<svg class=\"defs\" aria-hidden=\"true\" focusable=\"false\"><defs>\n";
  for (const Symbol& symbol : kSymbols)
    out += fmt::format("<symbol id=\"{}\" viewBox=\"0 0 24 24\">{}</symbol>\n", symbol.id, symbol.shape);
  for (const ConfiguredMark& mark : kConfiguredMarks)
    out += fmt::format("<symbol id=\"{}\" viewBox=\"0 0 24 24\">{}</symbol>\n", mark.id, mark.shape);
  return out + "</defs></svg>\n";
}

std::string html_matrix(const MatrixView& matrix) {
  std::string out = "<div class=\"matrix\">\n";
  for (std::size_t begin = 0; begin < matrix.rows.size();) {
    std::size_t end = piece_end(matrix, begin);
    out += "<figure class=\"scroll\" tabindex=\"0\" aria-label=\"Zone by service picture\">\n" +
           piece(matrix, begin, end) + "</figure>\n";
    begin = end;
  }
  out += "<ul class=\"legend\" aria-label=\"Legend\">\n";
  for (const Symbol& symbol : kSymbols) {
    out += fmt::format("<li><svg aria-hidden=\"true\"><use href=\"#{}\"/></svg>{}</li>\n", symbol.id,
                       meaning(symbol.state));
  }
  bool configured = false;
  for (const MatrixView::Row& row : matrix.rows)
    for (const MatrixCell* cell : row.cells)
      configured = configured || (cell != nullptr && configured_mark(*cell) != nullptr);
  if (configured)
    for (const ConfiguredMark& mark : kConfiguredMarks)
      out += fmt::format("<li><svg aria-hidden=\"true\"><use href=\"#{}\"/></svg>{}</li>\n", mark.id, mark.legend);
  out += "<li>(empty) neither documented nor measured</li>\n</ul>\n";
  if (matrix.rows_left_out != 0 || matrix.services_left_out != 0) {
    out += fmt::format(
        "<p class=\"soft\">The picture holds what is of most concern; {} and {} more are in the <a "
        "href=\"#boundary\">table of the boundary</a>.</p>\n",
        counted(matrix.rows_left_out, "zone pair", "zone pairs"),
        counted(matrix.services_left_out, "service", "services"));
  }
  return out + "</div>\n";
}

}  // namespace demarc
