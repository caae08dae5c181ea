// One self-contained file for people: the executive page first, the technical pages after it. Nothing in it runs
// and nothing is loaded: no script, no image, no font, and a Content-Security-Policy that would refuse them if
// foreign text ever got through. Every foreign text passes through esc() or esc_name() below, and there is no other
// way into the page.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "reports/formats/html_parts.h"
#include "reports/formats/renderers.h"
#include "rules/text/escape.h"
#include "rules/text/sha256.h"

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 2000, kNameBytesMax = 240;

std::string esc(std::string_view text) { return html_escaped(clipped(text, kTextBytesMax)); }
/// The same for names, which stand in lists and tables.
std::string esc_name(std::string_view text) { return html_escaped(clipped(text, kNameBytesMax)); }

/// The digest of a text as a policy's hash-source wants it: base64 with padding (RFC 4648 §4).
std::string sha256_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Sha256 hash;
  hash.update(text);
  std::array<std::uint8_t, 32> digest = hash.finish();
  std::string out;
  for (std::size_t i = 0; i < digest.size(); i += 3) {
    std::size_t bytes = std::min<std::size_t>(3, digest.size() - i);
    std::uint32_t three = std::uint32_t{digest[i]} << 16;
    if (bytes > 1) three |= std::uint32_t{digest[i + 1]} << 8;
    if (bytes > 2) three |= digest[i + 2];
    for (std::size_t k = 0; k < 4; ++k) out += k <= bytes ? kDigits[(three >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

std::string badge(Severity severity) { return fmt::format("<span class=\"badge {0}\">{0}</span>", name(severity)); }

std::string baseline_mark(const Finding& finding) {
  return finding.baseline == BaselineStatus::none
             ? ""
             : fmt::format(" <span class=\"mark\">{}</span>", name(finding.baseline));
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ") {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::string finding_links(const std::vector<std::string>& ids, const std::set<std::string>& known) {
  std::string out;
  for (const std::string& id : ids) {
    if (!out.empty()) out += ", ";
    std::string_view css = id.size() <= 12 ? "mono nowrap" : "mono";
    out += known.contains(id)
               ? fmt::format("<a class=\"{}\" href=\"#{}\">{}</a>", css, html_anchor("f", id), esc_name(id))
               : fmt::format("<span class=\"{}\">{}</span>", css, esc_name(id));
  }
  return out;
}

/// Opens a table; the caller writes rows and closes it with kTableEnd. Headings that end in '#' are of numbers.
std::string table(std::string_view caption, std::initializer_list<std::string_view> headings,
                  std::string_view css = "") {
  std::string out = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\"><table "
      "class=\"{1}\"><caption>{0}</caption><thead><tr>",
      caption, css);
  for (std::string_view heading : headings) {
    bool number = heading.ends_with('#');
    if (number) heading.remove_suffix(1);
    out += fmt::format("<th scope=\"col\"{}>{}</th>", number ? " class=\"number\"" : "", heading);
  }
  return out + "</tr></thead><tbody>\n";
}
constexpr std::string_view kTableEnd = "</tbody></table></div>\n";

class Facts {
 public:
  void add(std::string_view label, const std::string& html) {
    if (!html.empty()) rows_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", label, html);
  }
  /// A fact that takes the whole width where facts stand in two columns.
  void add_wide(std::string_view label, const std::string& html) {
    if (!html.empty()) rows_ += fmt::format("<dt class=\"wide\">{}</dt><dd class=\"wide\">{}</dd>\n", label, html);
  }
  std::string take() { return rows_.empty() ? "" : "<dl class=\"facts\">\n" + rows_ + "</dl>\n"; }

 private:
  std::string rows_;
};

class Report {
 public:
  Report(const Verdict& verdict, const ReportOptions& options)
      : verdict_(verdict), options_(options), view_(make_view(verdict, {.by = options.by})) {
    for (const Finding& finding : verdict.findings) known_findings_.insert(finding.id);
    for (const RuleRow& rule : verdict.rules) known_rules_.insert(rule.id);
  }

  std::string take() {
    head();
    out_ += "<div class=\"sheet\">\n";
    masthead();
    out_ += "<main id=\"main\">\n";
    severities();
    worst();
    matrix();
    not_measured();
    basis();
    sign_off();
    findings();
    rules();
    lines();
    boundary();
    coverage();
    known();
    out_ += "</main>\n";
    out_ += fmt::format(
        "<footer><p>Made by demarc {} from the evidence listed above. The same evidence gives the same report, "
        "byte for byte.</p></footer>\n",
        esc_name(verdict_.tool_version));
    out_ += "</div>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  std::string title() const { return verdict_.rules_name.empty() ? verdict_.rules_file : verdict_.rules_name; }

  void head() {
    std::string_view style = html_style();
    out_ += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    // Before anything foreign: a policy in a meta element binds only what follows it (CSP Level 3 §3.3).
    out_ += fmt::format(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; img-src "
        "'none'; script-src 'none'; base-uri 'none'; form-action 'none'\">\n",
        sha256_base64(style));
    out_ +=
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" "
        "content=\"no-referrer\">\n";
    out_ += "<meta name=\"color-scheme\" content=\"light dark\">\n";
    out_ += fmt::format(
        "<title>{}: {}</title>\n<style>{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the "
        "report</a>\n",
        esc_name(title()), name(verdict_.conclusion), style);
    out_ += html_matrix_symbols();
  }

  void masthead() {
    out_ += "<header>\n<p class=\"eyebrow\">demarc boundary verification</p>\n";
    out_ += fmt::format("<h1>{}</h1>\n", esc_name(title()));
    out_ += fmt::format("<p class=\"byline\">As of <time>{}</time>", to_string(verdict_.as_of));
    if (!verdict_.authorised_ticket.empty())
      out_ += fmt::format(" · ticket {}", esc_name(verdict_.authorised_ticket));
    out_ += fmt::format(" · {} · {}</p>\n", counted(verdict_.rules.size(), "rule", "rules"),
                        counted(verdict_.evidence.size(), "evidence file", "evidence files"));

    struct Word {
      std::string_view word, icon;
    };
    Word word = verdict_.conclusion == Conclusion::violates
                    ? Word{"Does not conform",
                           R"(<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M8.5 8.5l7 7m0-7l-7 7"/>)"}
                : clean()
                    ? Word{"Conforms", R"(<circle cx="12" cy="12" r="10"/><path d="M7 12.5l3.5 3.5L17 8.5"/>)"}
                    : Word{"No verdict", R"(<path d="M12 2.5L22.5 21.5H1.5z"/><path d="M12 9.5v6m0 2.9v.1"/>)"};
    std::string_view css = verdict_.conclusion == Conclusion::violates ? "violates"
                           : clean()                                   ? "conforms"
                                                                       : "inconclusive";
    out_ += fmt::format(
        "<section class=\"verdict {}\" id=\"verdict\" aria-label=\"Verdict\">"
        "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" "
        "stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">{}</svg>"
        "<div><p class=\"word\">{}</p><p>{}</p>",
        css, word.icon, word.word, esc(view_.headline));
    if (!view_.caveat.empty()) out_ += fmt::format("<p class=\"caveat\">{}</p>", esc(view_.caveat));
    out_ += "</div></section>\n";
    out_ += "<nav aria-label=\"Contents\"><ul>";
    auto link = [this](std::string_view to, std::string_view text) {
      out_ += fmt::format("<li><a href=\"#{}\">{}</a></li>", to, text);
    };
    link("worst", "Worst findings");
    link("matrix", "Picture");
    link("gaps", "Not measured");
    link("basis", "Basis");
    link("sign-off", "Sign-off");
    link("findings", "All findings");
    link("rules", "Rules");
    link("boundary", "Boundary");
    link("coverage", "Coverage");
    out_ += "</ul></nav>\n</header>\n";
  }

  bool clean() const {
    return verdict_.conclusion == Conclusion::conforms && verdict_.complete && view_.gaps.empty() &&
           view_.unmet.empty();
  }

  void severities() {
    out_ +=
        "<section aria-labelledby=\"counts\">\n<h2 id=\"counts\">Findings by severity</h2>\n<ul class=\"tiles\">\n";
    auto tile = [this](std::string_view css, std::uint64_t number, std::string_view label) {
      out_ += fmt::format("<li class=\"{}{}\"><b>{}</b> <span>{}</span></li>\n", css, number == 0 ? " zero" : "",
                          grouped_number(number), label);
    };
    for (Severity severity : kSeveritiesFalling) tile(name(severity), view_.tally[severity], name(severity));
    tile("plain", view_.accepted.size(), "accepted");
    tile("plain", std::max(view_.gaps.size(), view_.unmet.size()), "not measured");
    out_ += "</ul>\n";
    if (std::uint64_t total = view_.tally.total(); total != 0) {
      out_ += fmt::format(
          "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
          describe(view_.tally));
      std::uint64_t before = 0;
      for (Severity severity : kSeveritiesFalling) {
        std::uint64_t number = view_.tally[severity];
        if (number == 0) continue;
        out_ += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"10\"/>", name(severity),
                            1000 * before / total, 1000 * (before + number) / total - 1000 * before / total);
        before += number;
      }
      out_ += "</svg>\n";
    }
    if (view_.has_baseline) {
      out_ += fmt::format("<p>Since the baseline: {} new, {} gone.</p>\n", grouped_number(view_.fresh),
                          grouped_number(view_.gone.size()));
    }
    out_ += "</section>\n";
  }

  void worst() {
    out_ += "<section aria-labelledby=\"worst\">\n<h2 id=\"worst\">The worst findings, and what to do</h2>\n";
    if (view_.worst.empty()) {
      out_ += "<p class=\"none\">No finding is worse than information.</p>\n";
    } else {
      out_ += "<ol class=\"worst\">\n";
      for (const Finding* finding : view_.worst) {
        out_ += fmt::format("<li>{}<div><h3><a href=\"#{}\">{}</a>{}</h3>", badge(finding->severity),
                            html_anchor("f", finding->id), esc_name(finding->title), baseline_mark(*finding));
        std::vector<std::string> about;
        for (const std::string& part :
             {zone_pair(*finding), subject_text(*finding), finding->rule.empty() ? "" : "rule " + finding->rule,
              finding->owner.empty() ? "" : "owner " + finding->owner}) {
          if (!part.empty()) about.push_back(esc_name(part));
        }
        out_ += fmt::format("<p class=\"subject\">{}</p>", joined(about, " · "));
        if (!finding->remedy.empty())
          out_ += fmt::format("<p class=\"remedy-line\"><b>Remedy:</b> {}</p>", esc(finding->remedy));
        out_ += "</div></li>\n";
      }
      out_ += "</ol>\n";
      if (view_.open.size() > view_.worst.size()) {
        out_ += fmt::format("<p><a href=\"#findings\">All {}</a></p>\n",
                            counted(view_.open.size(), "finding", "findings"));
      }
    }
    out_ += "<h3>Next</h3>\n<ol class=\"steps\">\n";
    for (const std::string& step : view_.next_steps) out_ += fmt::format("<li>{}</li>\n", esc(step));
    out_ += "</ol>\n</section>\n";
  }

  void matrix() {
    out_ += "<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">The boundary, by zone pair and service</h2>\n";
    out_ += view_.matrix.empty() ? "<p class=\"none\">No zone pair was judged.</p>\n" : html_matrix(view_.matrix);
    out_ += "</section>\n";
  }

  void not_measured() {
    out_ += "<section aria-labelledby=\"gaps\">\n<h2 id=\"gaps\">What was not measured</h2>\n";
    if (view_.gaps.empty() && view_.unmet.empty()) {
      out_ += clean() || verdict_.complete
                  ? "<p class=\"none\">Everything that the rule set's coverage asks for was measured.</p>\n"
                  : "<p>The evidence is incomplete; the verdict does not say where.</p>\n";
    } else {
      out_ += table("Gaps: nothing is claimed about them", {"Gap", "Why it matters, and how to close it"});
      for (const Finding* gap : view_.gaps) {
        out_ += fmt::format("<tr><th scope=\"row\">{}</th><td>{} {}</td></tr>\n", esc_name(gap->title),
                            esc(gap->cause), esc(gap->remedy));
      }
      for (const CoverageRow* row : view_.unmet) {
        out_ += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", esc_name(row->what),
                            esc(row->gap.empty() ? "coverage not met" : row->gap));
      }
      out_ += kTableEnd;
    }
    out_ += "</section>\n";
  }

  void basis() {
    out_ += "<section aria-labelledby=\"basis\">\n<h2 id=\"basis\">Basis of this report</h2>\n";
    Facts facts;
    auto hash = [](const std::string& text) {
      return text.empty() ? std::string() : fmt::format("<span class=\"mono hash\">{}</span>", esc(text));
    };
    facts.add("Tool", "demarc " + esc_name(verdict_.tool_version));
    facts.add("Rule set", esc_name(verdict_.rules_name) +
                              (verdict_.rules_file.empty() ? "" : " (" + esc_name(verdict_.rules_file) + ")"));
    facts.add("Rule set SHA-256", hash(verdict_.rules_sha256));
    facts.add("Scope SHA-256", hash(verdict_.scope_sha256));
    std::string authorised = esc_name(verdict_.authorised_by);
    if (!verdict_.authorised_ticket.empty())
      authorised += (authorised.empty() ? "" : ", ") + ("ticket " + esc_name(verdict_.authorised_ticket));
    facts.add("Authorised by", authorised.empty() ? "<span class=\"none\">not stated</span>" : authorised);
    facts.add("As of", to_string(verdict_.as_of));
    std::size_t met = static_cast<std::size_t>(std::count_if(verdict_.coverage.begin(), verdict_.coverage.end(),
                                                             [](const CoverageRow& row) { return row.met; }));
    facts.add("Coverage", verdict_.coverage.empty()
                              ? "<span class=\"none\">none required</span>"
                              : fmt::format("{} of {} requirements met (<a href=\"#coverage\">list</a>)", met,
                                            verdict_.coverage.size()));
    out_ += facts.take();

    if (verdict_.vantages.empty()) {
      out_ += "<p class=\"none\">Nothing was asked from any vantage point.</p>\n";
    } else {
      out_ += table("Vantage points: where it was asked from",
                    {"Name", "Zone", "Address", "Method", "Run", "Packets#", "Loss#"});
      for (const VantageRow& row : verdict_.vantages) {
        bool whole = row.end == "complete";
        out_ += fmt::format(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"mono\">{}</td><td>{}</td><td><span class=\"mark "
            "{}\">{}</span><span class=\"sub\">{}{}{}</span></td>"
            "<td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
            esc_name(row.name), esc_name(row.zone), esc_name(row.source_address), esc_name(row.method),
            whole ? "good" : "bad", esc_name(row.end), esc_name(row.started), row.finished.empty() ? "" : " to ",
            esc_name(row.finished), grouped_number(row.sent),
            row.loss_estimate < 0 ? "unknown" : fmt::format("{:.2f} %", row.loss_estimate * 100));
      }
      out_ += kTableEnd;
    }
    out_ += "<h3 id=\"evidence\">Evidence</h3>\n";
    if (verdict_.evidence.empty()) {
      out_ += "<p class=\"none\">No evidence file was given.</p>\n";
    } else {
      out_ += table("Evidence files and their SHA-256", {"File", "Kind", "Bytes#"});
      for (const EvidenceRow& row : verdict_.evidence) {
        out_ += fmt::format(
            "<tr><th scope=\"row\">{}<span class=\"mono hash sub\">{}</span></th><td>{}<span "
            "class=\"sub\">{}</span></td><td class=\"number\">{}</td></tr>\n",
            esc_name(row.file), esc_name(row.sha256), esc_name(row.kind), esc(row.note), grouped_number(row.size));
      }
      out_ += kTableEnd;
    }
    if (!verdict_.notes.empty()) {
      out_ += "<h3>Assumptions and notes</h3>\n<ul>\n";
      for (const std::string& note : verdict_.notes) out_ += fmt::format("<li>{}</li>\n", esc(note));
      out_ += "</ul>\n";
    }
    out_ += "</section>\n";
  }

  void sign_off() {
    if (options_.sign_off.empty()) return;
    out_ += "<section class=\"sign\" aria-labelledby=\"sign-off\">\n<h2 id=\"sign-off\">Sign-off</h2>\n";
    out_ += table("Read, and agreed what follows from it", {"Committee", "Name", "Date", "Signature"});
    for (const std::string& role : options_.sign_off)
      out_ += fmt::format("<tr><th scope=\"row\">{}</th><td></td><td></td><td></td></tr>\n", esc_name(role));
    out_ += kTableEnd;
    out_ += "</section>\n";
  }

  void index_table(const std::vector<const Finding*>& findings, std::string_view caption) {
    out_ += table(caption, {"Severity", "Finding", "Zones", "Target", "Rule", "Owner", "Id"}, "findings-index");
    for (const Finding* finding : findings) {
      out_ += fmt::format(
          "<tr><td>{}</td><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"mono nowrap\"><a "
          "href=\"#{}\">{}</a></td></tr>\n",
          badge(finding->severity), esc_name(finding->title), baseline_mark(*finding),
          esc_name(zone_pair(*finding)), esc_name(subject_text(*finding)), rule_link(finding->rule),
          esc_name(finding->owner), html_anchor("f", finding->id), esc_name(finding->id));
    }
    out_ += kTableEnd;
  }

  std::string rule_link(const std::string& id) const {
    return known_rules_.contains(id) ? fmt::format("<a href=\"#{}\">{}</a>", html_anchor("r", id), esc_name(id))
                                     : esc_name(id);
  }

  void findings() {
    out_ += "<section class=\"technical\" aria-labelledby=\"findings\">\n<h2 id=\"findings\">All findings</h2>\n";
    if (view_.open.empty()) {
      out_ += "<p class=\"none\">No findings.</p>\n</section>\n";
      return;
    }
    bool grouped = options_.by != GroupBy::none;
    if (!grouped) index_table(view_.open, "Findings, worst first");
    std::set<const Finding*> written;
    for (const FindingGroup& group : view_.groups) {
      if (grouped) {
        out_ += fmt::format("<h3>{} <span class=\"soft\">({})</span></h3>\n", esc_name(group.name),
                            describe(group.tally));
        index_table(group.findings, "Findings of this group, worst first");
      }
      // A finding with several tags is listed under each and told once.
      for (const Finding* finding : group.findings) {
        if (written.insert(finding).second) article(*finding, grouped ? 4 : 3);
      }
    }
    out_ += "</section>\n";
  }

  void article(const Finding& finding, int level) {
    out_ += fmt::format("<article class=\"finding {}\" id=\"{}\">\n",
                        finding.severity == Severity::none ? "gap" : name(finding.severity),
                        html_anchor("f", finding.id));
    out_ += fmt::format(
        "<div class=\"head\">{0}<h{1} class=\"title\">{2}</h{1}>{3}<a class=\"id mono\" "
        "href=\"#{4}\">{5}</a></div>\n",
        finding.severity == Severity::none ? "<span class=\"mark\">gap</span>" : badge(finding.severity), level,
        esc_name(finding.title), baseline_mark(finding), html_anchor("f", finding.id), esc_name(finding.id));
    if (!finding.cause.empty()) out_ += fmt::format("<p>{}</p>\n", esc(finding.cause));
    Facts facts;
    facts.add_wide("Kind", fmt::format("<span class=\"mono\">{}</span> <span class=\"soft\">{}</span>",
                                       name(finding.kind), meaning(finding.kind)));
    facts.add("Zones", esc_name(zone_pair(finding)));
    facts.add("Source", esc_name(finding.source));
    std::string target = esc_name(finding.target);
    if (finding.target_address && to_string(*finding.target_address) != finding.target)
      target += " (" + to_string(*finding.target_address) + ")";
    facts.add("Target", target);
    std::string ports = esc(ports_text(finding));
    if (!finding.service.empty()) ports += (ports.empty() ? "" : ", ") + esc_name(finding.service);
    facts.add("Service", ports);
    if (!finding.device.empty())
      facts.add("Device", esc_name(finding.device) + (finding.list.empty() ? "" : ", " + esc_name(finding.list)));
    facts.add("Rule", rule_link(finding.rule));
    facts.add("Owner", esc_name(finding.owner));
    facts.add("Application", esc_name(finding.application));
    facts.add("Tags", esc_name(joined(finding.tags)));
    facts.add("Seen from", esc_name(joined(finding.vantages)));
    if (finding.accepted) facts.add_wide("Accepted", esc(finding.accepted_reason));
    out_ += facts.take();
    if (finding.sample || !finding.evidence.empty()) {
      out_ += "<p class=\"label\">Proof</p>\n<ul class=\"proof\">\n";
      if (finding.sample)
        out_ += fmt::format("<li><span class=\"place\">A packet that shows it</span><code>{}</code></li>\n",
                            esc(to_string(*finding.sample)));
      for (const EvidenceRef& evidence : finding.evidence) {
        out_ += fmt::format("<li><span class=\"place\">{}</span>", esc(place_text(evidence)));
        if (!evidence.text.empty()) out_ += fmt::format("<code>{}</code>", esc(evidence.text));
        out_ += "</li>\n";
      }
      out_ += "</ul>\n";
    }
    if (!finding.remedy.empty() || !finding.remedy_configuration.empty()) {
      out_ += fmt::format("<p class=\"label\">Remedy</p>\n<p>{}</p>\n", esc(finding.remedy));
      if (!finding.remedy_configuration.empty()) {
        out_ += "<pre>";
        for (const std::string& line : finding.remedy_configuration) out_ += esc(line) + "\n";
        out_ += "</pre>\n";
      }
    }
    out_ += "</article>\n";
  }

  void rules() {
    out_ +=
        "<section class=\"technical\" aria-labelledby=\"rules\">\n<h2 id=\"rules\">Every rule, and what each view "
        "says of it</h2>\n";
    if (verdict_.rules.empty()) {
      out_ += "<p class=\"none\">The rule set has no rules: nothing is approved.</p>\n</section>\n";
      return;
    }
    out_ += table("Rules in the order of the rule set",
                  {"Rule", "Approves", "Reachable", "Observed", "Configured", "Findings"}, "rules");
    for (const RuleRow& rule : verdict_.rules) {
      std::vector<std::string> about;
      if (!rule.owner.empty()) about.push_back("owner " + esc_name(rule.owner));
      if (!rule.application.empty()) about.push_back("application " + esc_name(rule.application));
      if (!rule.ticket.empty()) about.push_back("ticket " + esc_name(rule.ticket));
      if (!rule.review_by.empty()) about.push_back("review by " + esc_name(rule.review_by));
      if (!rule.tags.empty()) about.push_back("tags " + esc_name(joined(rule.tags)));
      out_ += fmt::format(
          "<tr id=\"{}\"><th scope=\"row\">{}<span class=\"sub\"><span class=\"mark {}\">{}</span></span></th>",
          html_anchor("r", rule.id), esc_name(rule.id), rule.in_force ? "good" : "bad",
          esc(rule.state.empty() ? (rule.in_force ? "in force" : "not in force") : rule.state));
      out_ += fmt::format(
          "<td><b>{}</b> from {} to {}<span class=\"sub\">{}</span><span class=\"sub\">{}</span></td>",
          esc_name(rule.service), esc_name(rule.from), esc_name(rule.to), esc(rule.reason), joined(about, " · "));
      out_ += fmt::format("<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", esc(rule.reachable),
                          esc(rule.observed), esc(rule.configured),
                          rule.findings.empty() ? "<span class=\"none\">none</span>"
                                                : finding_links(rule.findings, known_findings_));
    }
    out_ += kTableEnd;
    out_ += "</section>\n";
  }

  /// What each line of a configuration is for.
  void lines() {
    if (verdict_.lines.empty()) return;
    constexpr std::size_t kLinesMax = 2000;
    out_ +=
        "<section aria-labelledby=\"lines\">\n<h2 id=\"lines\">Lines of the configurations, and what needs "
        "them</h2>\n";
    out_ += table("Lines that decide about approved or observed packets",
                  {"Line", "Says", "Zone pairs", "Needed by", "Use", "Findings"}, "rules");
    std::size_t shown = 0;
    for (const LineRow& row : verdict_.lines) {
      if (shown++ == kLinesMax) break;
      std::string needed;
      for (const std::string& rule : row.rules) needed += (needed.empty() ? "" : ", ") + rule_link(rule);
      out_ += fmt::format(
          "<tr><th scope=\"row\">{}<span class=\"sub\">{}, line {}</span></th><td><code>{}</code><span "
          "class=\"sub\">{}</span></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
          esc_name(row.device), esc_name(row.file), row.line, esc(row.text),
          esc_name(row.list + (row.status.empty() || row.status == "live" ? "" : ", " + row.status)),
          esc_name(joined(row.pairs)), needed.empty() ? "<span class=\"none\">no rule</span>" : needed,
          esc(row.use.empty() ? "not measured" : row.use),
          row.findings.empty() ? "<span class=\"none\">none</span>" : finding_links(row.findings, known_findings_));
    }
    out_ += kTableEnd;
    if (verdict_.lines.size() > kLinesMax)
      out_ += fmt::format("<p class=\"soft\">{} more are in the JSON verdict.</p>\n",
                          counted(verdict_.lines.size() - kLinesMax, "line", "lines"));
    out_ += "</section>\n";
  }

  void boundary() {
    out_ += "<section aria-labelledby=\"boundary\">\n<h2 id=\"boundary\">The boundary in words</h2>\n";
    if (verdict_.matrix.empty()) {
      out_ += "<p class=\"none\">No zone pair was judged.</p>\n</section>\n";
      return;
    }
    // What has rules or findings has a row of its own; the services of a zone pair that share a state and have
    // neither, share one: on a large boundary most cells are blocked as they should be.
    const bool configured = std::any_of(verdict_.matrix.begin(), verdict_.matrix.end(),
                                        [](const MatrixCell& cell) { return !cell.configured.empty(); });
    if (configured)
      out_ +=
          table("Zone pairs and services", {"From", "To", "Service", "State", "Configured", "Rules", "Findings"});
    else
      out_ += table("Zone pairs and services", {"From", "To", "Service", "State", "Rules", "Findings"});
    auto row = [&](const MatrixCell& cell, const std::string& services, const std::string& rule_links) {
      out_ += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>{}<td>{}</td><td>{}</td></tr>\n",
                          esc_name(cell.from_zone), esc_name(cell.to_zone), services, meaning(cell.state),
                          configured ? "<td>" + esc_name(cell.configured) + "</td>" : "", rule_links,
                          finding_links(cell.findings, known_findings_));
    };
    for (std::size_t begin = 0; begin < verdict_.matrix.size();) {
      std::map<std::pair<MatrixCell::State, std::string>, std::pair<const MatrixCell*, std::string>> plain;
      std::size_t end = begin;
      for (; end < verdict_.matrix.size(); ++end) {
        const MatrixCell& cell = verdict_.matrix[end];
        if (cell.from_zone != verdict_.matrix[begin].from_zone || cell.to_zone != verdict_.matrix[begin].to_zone)
          break;
        if (cell.rules.empty() && cell.findings.empty()) {
          auto& [first, services] = plain[{cell.state, cell.configured}];
          first = &cell;
          services += (services.empty() ? "" : ", ") + esc_name(cell.service);
          continue;
        }
        std::string rule_links;
        for (const std::string& rule : cell.rules) rule_links += (rule_links.empty() ? "" : ", ") + rule_link(rule);
        row(cell, esc_name(cell.service), rule_links);
      }
      for (const auto& [_, merged] : plain) row(*merged.first, merged.second, "");
      begin = end;
    }
    out_ += kTableEnd;
    out_ += "</section>\n";
  }

  void coverage() {
    out_ += "<section aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">Coverage</h2>\n";
    if (verdict_.coverage.empty()) {
      out_ += "<p class=\"none\">The rule set asks for no coverage.</p>\n</section>\n";
      return;
    }
    out_ += table("What had to be asked, and what was", {"What", "Met", "Measured", "What is missing"});
    for (const CoverageRow& row : verdict_.coverage) {
      out_ += fmt::format(
          "<tr><th scope=\"row\">{}</th><td><span class=\"mark {}\">{}</span></td><td>{}</td><td>{}</td></tr>\n",
          esc_name(row.what), row.met ? "good" : "bad", row.met ? "met" : "not met", amounts_text(row),
          esc(row.gap));
    }
    out_ += kTableEnd;
    out_ += "</section>\n";
  }

  /// What is listed without failing the verdict, and the gaps as findings with their ids.
  void known() {
    auto part = [this](const std::vector<const Finding*>& findings, std::string_view id, std::string_view heading) {
      if (findings.empty()) return;
      out_ += fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n", id, heading);
      for (const Finding* finding : findings) article(*finding, 3);
      out_ += "</section>\n";
    };
    part(view_.accepted, "accepted", "Accepted by the rule set");
    part(view_.gone, "gone", "Gone since the baseline");
    part(view_.gaps, "gap-details", "Gaps in detail");
  }

  const Verdict& verdict_;
  const ReportOptions& options_;
  View view_;
  std::set<std::string> known_findings_, known_rules_;
  std::string out_;
};

}  // namespace

std::string render_html(const Verdict& verdict, const ReportOptions& options) {
  return Report(verdict, options).take();
}

}  // namespace demarc
