// The parts of the HTML report that are long enough for files of their own.
#pragma once

#include <string>
#include <string_view>

#include "reports/view/view.h"

namespace demarc {

/// The one style sheet. The report's Content-Security-Policy allows it by its hash and nothing else, so there are
/// no style attributes anywhere in the page.
std::string_view html_style();

/// The page's definitions of the matrix's symbols, to be written once before html_matrix().
std::string html_matrix_symbols();
/// The zone by service picture as inline SVG, in pieces that fit a printed page, with its legend.
std::string html_matrix(const MatrixView& matrix);

/// A fragment identifier for a foreign name: "f-0a1b2c". Different names get different identifiers.
std::string html_anchor(std::string_view prefix, std::string_view foreign_name);

}  // namespace demarc
