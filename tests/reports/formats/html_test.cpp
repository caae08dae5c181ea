// The HTML report as markup: only elements and attributes that we write, balanced, every link lands, colours that
// can be read. The browser's test beside it looks at the same page through a browser.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "reports/formats/format.h"
#include "reports/formats/html_parts.h"
#include "tests/reports/formats/sample_verdict.h"

using namespace demarc;

namespace {

struct Page {
  std::map<std::string, int> elements;
  std::multiset<std::string> ids;
  std::set<std::string> links;
};

/// Reads what the report may consist of and nothing else: a stray '<', an unknown element or attribute, an unquoted
/// value or an element that is not closed fails the test.
Page read_page(std::string_view text) {
  static const std::set<std::string> kVoid = {"meta", "path", "rect", "circle", "use"};
  static const std::set<std::string> kElements = {
      "html",  "head",    "meta",    "title",  "style", "body", "a",   "svg",    "defs", "symbol",
      "path",  "rect",    "circle",  "use",    "g",     "text", "div", "header", "main", "footer",
      "nav",   "section", "article", "figure", "h1",    "h2",   "h3",  "h4",     "p",    "span",
      "b",     "code",    "pre",     "time",   "ul",    "ol",   "li",  "dl",     "dt",   "dd",
      "table", "caption", "thead",   "tbody",  "tr",    "th",   "td"};
  static const std::set<std::string> kAttributes = {"lang",
                                                    "charset",
                                                    "http-equiv",
                                                    "content",
                                                    "name",
                                                    "class",
                                                    "href",
                                                    "id",
                                                    "role",
                                                    "scope",
                                                    "tabindex",
                                                    "aria-label",
                                                    "aria-labelledby",
                                                    "aria-hidden",
                                                    "focusable",
                                                    "viewBox",
                                                    "width",
                                                    "height",
                                                    "x",
                                                    "y",
                                                    "rx",
                                                    "cx",
                                                    "cy",
                                                    "r",
                                                    "d",
                                                    "transform",
                                                    "preserveAspectRatio",
                                                    "fill",
                                                    "stroke",
                                                    "stroke-width",
                                                    "stroke-linecap",
                                                    "stroke-linejoin"};
  Page page;
  std::vector<std::string> open;
  REQUIRE(text.starts_with("<!DOCTYPE html>\n"));
  std::size_t at = 16;
  while ((at = text.find('<', at)) != std::string_view::npos) {
    std::size_t end = text.find('>', at);
    REQUIRE(end != std::string_view::npos);
    std::string_view tag = text.substr(at + 1, end - at - 1);
    CAPTURE(tag);
    at = end + 1;
    if (tag.starts_with("/")) {
      REQUIRE_FALSE(open.empty());
      REQUIRE(open.back() == tag.substr(1));
      open.pop_back();
      continue;
    }
    bool closed = tag.ends_with("/");
    if (closed) tag.remove_suffix(1);
    std::size_t name_end = std::min(tag.find(' '), tag.size());
    std::string element(tag.substr(0, name_end));
    REQUIRE(kElements.contains(element));
    ++page.elements[element];
    std::string_view rest = tag.substr(name_end);
    while (!rest.empty()) {
      REQUIRE(rest.front() == ' ');
      std::size_t equals = rest.find("=\"");
      REQUIRE(equals != std::string_view::npos);
      std::string attribute(rest.substr(1, equals - 1));
      std::size_t quote = rest.find('"', equals + 2);
      REQUIRE(quote != std::string_view::npos);
      std::string value(rest.substr(equals + 2, quote - equals - 2));
      CAPTURE(attribute);
      REQUIRE(kAttributes.contains(attribute));
      if (attribute == "id") page.ids.insert(value);
      if (attribute == "href") {
        REQUIRE(value.starts_with("#"));
        page.links.insert(value.substr(1));
      }
      rest.remove_prefix(quote + 1);
    }
    if (element == "style") {  // raw text up to its end
      std::size_t style_end = text.find("</", at);
      REQUIRE(text.substr(style_end).starts_with("</style>"));
      at = style_end;
    }
    if (!closed && !kVoid.contains(element)) open.push_back(element);
  }
  CHECK(open.empty());
  return page;
}

std::string html(std::string_view sample, GroupBy by = GroupBy::none) {
  return find_report_format("html")->render(samples::by_name(sample), {.by = by});
}

double luminance(std::string_view hex) {  // WCAG 2.2, relative luminance
  auto channel = [&hex](std::size_t at) {
    double value = std::stoi(std::string(hex.substr(at, 2)), nullptr, 16) / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

double contrast(std::string_view a, std::string_view b) {
  double light = std::max(luminance(a), luminance(b)), dark = std::min(luminance(a), luminance(b));
  return (light + 0.05) / (dark + 0.05);
}

}  // namespace

TEST_CASE("the page is balanced and holds nothing but our own elements, whatever the verdict says") {
  for (std::string_view sample : {"ordinary", "clean", "inconclusive", "injected", "hostile", "large"}) {
    CAPTURE(sample);
    for (GroupBy by : {GroupBy::none, GroupBy::application, GroupBy::zone, GroupBy::owner, GroupBy::tag}) {
      Page page = read_page(html(sample, by));
      CHECK(page.elements["h1"] == 1);
      CHECK(page.elements["main"] == 1);
      CHECK(page.elements["table"] == page.elements["caption"]);
      CHECK(page.elements["article"] ==
            static_cast<int>(samples::by_name(sample).findings.size()));  // each told once, in however many groups
    }
  }
}

TEST_CASE("every link lands, and every identifier is there once") {
  for (std::string_view sample : {"ordinary", "injected", "inconclusive", "clean", "large"}) {
    CAPTURE(sample);
    Page page = read_page(html(sample));
    for (const std::string& id : page.ids) {
      CAPTURE(id);
      CHECK(page.ids.count(id) == 1);
    }
    for (const std::string& link : page.links) {
      CAPTURE(link);
      CHECK(page.ids.contains(link));
    }
  }
}

TEST_CASE("different foreign names have different anchors made of harmless characters") {
  CHECK(html_anchor("f", "a41f00c2d9e7") == "f-a41f00c2d9e7");
  CHECK(html_anchor("r", "a b") == "r-a_20b");
  CHECK(html_anchor("r", "a_20b") == "r-a_5f20b");
  CHECK(html_anchor("r", "\"><script>") == "r-_22_3e_3cscript_3e");
  CHECK(html_anchor("r", std::string(100000, '<')).size() < 500);
}

TEST_CASE("the policy comes before anything foreign and allows one style sheet, by its hash") {
  std::string page = html("injected");
  std::size_t policy =
      page.find("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
  REQUIRE(policy != std::string::npos);
  CHECK(policy < page.find("<title>"));
  CHECK(page.find("unsafe-inline") == std::string::npos);
  CHECK(page.find(" style=\"") == std::string::npos);
}

TEST_CASE("no page claims to be clean unless it is") {
  CHECK(html("clean").find("class=\"word\">Conforms<") != std::string::npos);
  for (std::string_view sample : {"ordinary", "inconclusive", "hostile"})
    CHECK(html(sample).find("class=\"word\">Conforms<") == std::string::npos);
}

TEST_CASE("text and symbols can be read in both schemes: a contrast of 4.5 to 1 (WCAG 2.2 §1.4.3)") {
  std::string_view style = html_style();
  std::size_t dark_begin = style.find("@media screen and (prefers-color-scheme:dark)");
  REQUIRE(dark_begin != std::string_view::npos);
  for (std::string_view scheme :
       {style.substr(0, dark_begin), style.substr(dark_begin, style.find("}}", dark_begin) - dark_begin)}) {
    std::map<std::string, std::string> colors;
    for (std::size_t at = scheme.find("--"); at != std::string_view::npos; at = scheme.find("--", at + 2)) {
      std::size_t colon = scheme.find(':', at);
      if (scheme.substr(colon + 1, 1) == "#")
        colors[std::string(scheme.substr(at + 2, colon - at - 2))] = scheme.substr(colon + 1, 7);
    }
    REQUIRE(colors.size() >= 17);
    auto readable = [&colors](const char* text, const char* ground) {
      CAPTURE(text);
      CAPTURE(ground);
      CHECK(contrast(colors.at(text), colors.at(ground)) >= 4.5);
    };
    for (const char* text : {"ink", "soft", "link"}) {
      for (const char* ground : {"paper", "panel", "code", "medium-soft"}) readable(text, ground);
    }
    for (const char* tone : {"critical", "high", "medium", "low", "info", "good"}) {
      readable(tone, "paper");
      readable("on", tone);
    }
    readable("ink", "critical-soft");
    readable("ink", "good-soft");
    readable("critical", "critical-soft");
    readable("medium", "medium-soft");
    readable("good", "good-soft");
    readable("high", "panel");
    readable("info", "panel");
  }
}
