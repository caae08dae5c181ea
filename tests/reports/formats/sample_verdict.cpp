#include "tests/reports/formats/sample_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace demarc::samples {

namespace {

Address address(std::string_view text) { return parse_address(text).value(); }

Finding finding(std::string_view id, FindingKind kind, Severity severity, std::string_view title) {
  Finding f;
  f.id = id;
  f.kind = kind;
  f.severity = severity;
  f.title = title;
  return f;
}

Packet packet(std::string_view source, std::string_view destination, Protocol protocol, std::uint16_t port) {
  Packet p;
  p.source = address(source);
  p.destination = address(destination);
  p.protocol = protocol;
  p.source_port = Port{40000};
  p.port = Port{port};
  return p;
}

Verdict frame() {
  Verdict v;
  v.tool_version = "0.1.0";
  v.rules_name = "Shop DMZ";
  v.rules_file = "demarc.yaml";
  v.rules_sha256 = "5f2c8f0f0d1a4b86a5c1f7c0d5a2f1f3f8f6d9a0b7c3e2d14f5a6b7c8d9e0f1a";
  v.scope_sha256 = "0b7c3e2d14f5a6b7c8d9e0f1a5f2c8f0f0d1a4b86a5c1f7c0d5a2f1f3f8f6d9a";
  v.as_of = parse_timestamp("2026-11-23T10:00:00Z").value();
  v.authorised_by = "r.lind";
  v.authorised_ticket = "CHG-1040";
  v.vantages = {
      {"external", "internet", "203.0.113.77", "connect", "2026-11-22T22:00:00Z", "2026-11-22T22:04:10Z",
       "complete", 196608, 0.0004},
      {"office", "office", "10.50.1.9", "connect", "2026-11-22T22:10:00Z", "2026-11-22T22:12:31Z", "complete",
       131072, 0},
      {"management", "management", "10.40.0.9", "connect", "2026-11-22T22:20:00Z", "2026-11-22T22:22:02Z",
       "complete", 131072, 0},
  };
  v.evidence = {
      {"evidence/external.jsonl", "scan", "1d5a2f1f3f8f6d9a0b7c3e2d14f5a6b7c8d9e0f1a5f2c8f0f0d1a4b86a5c1f7c0",
       "external, 2026-11-22", 884201},
      {"evidence/office.jsonl", "scan", "2c8f0f0d1a4b86a5c1f7c0d5a2f1f3f8f6d9a0b7c3e2d14f5a6b7c8d9e0f1a5f",
       "office, 2026-11-22", 640233},
      {"evidence/tap-back.pcapng", "capture", "3e2d14f5a6b7c8d9e0f1a5f2c8f0f0d1a4b86a5c1f7c0d5a2f1f3f8f6d9a0b7c",
       "sensor tap-back, 184,467 packets, none dropped", 96400128},
  };
  v.coverage = {
      {"external tcp", 196605, 74110, 196605, true, ""},
      {"office tcp", 131070, 131002, 131070, true, ""},
      {"management tcp", 131070, 131070, 131070, true, ""},
      {"sensor tap-back", 184467, 0, 0, true, ""},
  };
  auto rule = [](std::string_view id, std::string_view service, std::string_view from, std::string_view to,
                 std::string_view owner, std::string_view reason) {
    RuleRow r;
    r.id = id, r.service = service, r.from = from, r.to = to, r.owner = owner, r.reason = reason;
    r.in_force = true;
    r.state = "in force";
    r.review_by = "2027-01-13";
    r.ticket = "CHG-0978";
    r.reachable = "open from external";
    r.observed = "1,204 conversations, last 2026-11-22T23:12:01Z";
    r.configured = "not measured";
    r.where = Location{.file = "demarc.yaml", .line = 120, .column = 5};
    return r;
  };
  v.rules = {
      rule("WEB-001", "https", "internet, office", "web-front", "web-team", "Public shop and customer portal"),
      rule("DB-020", "ms-sql", "web1.back, web2.back", "databases", "shop-db",
           "Orders and catalogue; this port only, no RPC, no named pipes"),
      rule("ADM-040", "rdp", "management", "web-back", "windows-ops",
           "Remote control of the web servers, on the internal-facing NIC")};
  v.rules[0].application = "shop";
  v.rules[0].tags = {"pci"};
  v.rules[0].where.line = 104;
  v.rules[1].reachable = "open from on-web1, blocked from external";
  v.rules[2].reachable = "open from management, blocked from external, office";
  v.rules[2].observed = "none in 3 h 2 min";
  using S = MatrixCell::State;
  v.matrix = {
      {"internet", "database", "ms-sql", S::unanswered, false, true, false, false, {}, {}},
      {"internet", "dmz-front", "https", S::approved_seen, true, false, true, true, {"WEB-001"}, {}},
      {"internet", "dmz-front", "smtp", S::unanswered, false, true, false, false, {}, {}},
      {"management", "dmz-back", "rdp", S::approved_not_measured, true, false, false, false, {"ADM-040"}, {}},
      {"office", "dmz-back", "smb", S::unanswered, false, true, false, false, {}, {}},
      {"office", "dmz-front", "https", S::approved_seen, true, false, true, false, {"WEB-001"}, {}},
  };
  v.notes = {"The vantage point external stands for the whole of the internet: one sample of it.",
             "By connect alone a reset does not tell who sent it; closed ports say nothing about the filter."};
  return v;
}

void count(Verdict& v) {
  for (const Finding& f : v.findings) {
    if (f.baseline == BaselineStatus::gone) continue;
    if (f.accepted)
      ++v.counts["accepted"];
    else if (f.kind == FindingKind::not_measured)
      ++v.counts["not-measured"];
    else
      ++v.counts[std::string(name(f.severity))];
  }
}

}  // namespace

Verdict clean() {
  Verdict v = frame();
  v.conclusion = Conclusion::conforms;
  v.complete = true;
  return v;
}

Verdict inconclusive() {
  Verdict v = frame();
  v.coverage[1] = {"office tcp", 131070, 0, 131070, false, "the vantage point office never ran"};
  v.vantages[1].end = "never ran";
  v.vantages[1].started = v.vantages[1].finished = "";
  v.vantages[1].sent = 0;
  v.vantages[1].loss_estimate = -1;
  Finding gap = finding("9c0e5d1a7b34", FindingKind::not_measured, Severity::none, "Nothing was asked from office");
  gap.cause = "No scan from the vantage point office was given, and coverage asks for it.";
  gap.remedy = "Run demarc scan --vantage office and give its journal to verify.";
  v.findings = {gap};
  count(v);
  return v;
}

Verdict ordinary() {
  Verdict v = frame();
  v.conclusion = Conclusion::violates;
  v.complete = false;

  Finding smb = finding("a41f00c2d9e7", FindingKind::exposed_forbidden, Severity::critical,
                        "SMB answers at web1.back from office");
  smb.rule = "F-SMB";
  smb.from_zone = "office", smb.to_zone = "dmz-back";
  smb.source = "office";
  smb.target = "web1.back";
  smb.target_address = address("10.20.0.11");
  smb.protocol = Protocol::tcp;
  smb.ports = parse_port_set("139,445").value();
  smb.service = "smb";
  smb.cause = "The entry F-SMB forbids it, and a SYN from 10.50.1.9 was answered with SYN-ACK.";
  smb.remedy = "Unbind File and Printer Sharing from the NIC and deny the ports at both filters.";
  smb.remedy_configuration = {"table inet filter {", "  chain forward {",
                              "    ip saddr 10.50.0.0/16 ip daddr 10.20.0.0/24 tcp dport { 139, 445 } drop", "  }",
                              "}"};
  smb.sample = packet("10.50.1.9", "10.20.0.11", Protocol::tcp, 445);
  smb.evidence = {
      {"evidence/office.jsonl", "record 112", "open, syn-ack; SMB 3.1.1, signing not required"},
      {"evidence/tap-back.pcapng", "frame 1880", "SF 10.50.3.4 > 10.20.0.11 tcp/445, 12 conversations"}};
  smb.vantages = {"office"};
  smb.application = "shop", smb.owner = "web-team";
  smb.tags = {"pci", "windows"};
  smb.baseline = BaselineStatus::unchanged;

  Finding smtp = finding("b7d2219c0a5f", FindingKind::exposed_forbidden, Severity::high,
                         "SMTP answers at web2.front from the internet");
  smtp.rule = "F-SMTP";
  smtp.from_zone = "internet", smtp.to_zone = "dmz-front";
  smtp.source = "external";
  smtp.target = "web2.front";
  smtp.target_address = address("2001:db8:d::12");
  smtp.protocol = Protocol::tcp;
  smtp.ports = parse_port_set("25").value();
  smtp.service = "smtp";
  smtp.cause = "The entry F-SMTP forbids it.";
  smtp.remedy = "Stop and disable the SMTP service of the web server; deny at OUTSIDE-IN.";
  smtp.remedy_configuration = {"deny tcp any host 192.0.2.12 eq smtp"};
  smtp.sample = packet("2001:db8:ffff::77", "2001:db8:d::12", Protocol::tcp, 25);
  smtp.evidence = {{"evidence/external.jsonl", "record 40", "220 web2 ESMTP ready"}};
  smtp.vantages = {"external"};
  smtp.owner = "web-team";
  smtp.baseline = BaselineStatus::fresh;

  Finding outbound = finding("c0ffee123456", FindingKind::outbound_undocumented, Severity::high,
                             "web1.front opens connections to the internet on tcp/4444");
  outbound.from_zone = "dmz-front", outbound.to_zone = "internet";
  outbound.source = "web1.front";
  outbound.target = "198.51.100.99";
  outbound.target_address = address("198.51.100.99");
  outbound.protocol = Protocol::tcp;
  outbound.ports = parse_port_set("4444").value();
  outbound.cause = "No rule approves it; 3 of 17 attempts were established.";
  outbound.remedy =
      "Find the process that opens them before anything else: this is how a taken-over server shows. Then deny it "
      "outbound.";
  outbound.sample = packet("192.0.2.11", "198.51.100.99", Protocol::tcp, 4444);
  outbound.evidence = {{"evidence/tap-back.pcapng", "frame 90211", "SF 192.0.2.11 > 198.51.100.99 tcp/4444"}};
  outbound.owner = "web-team";
  outbound.tags = {"pci"};
  outbound.baseline = BaselineStatus::fresh;

  Finding expired = finding("d15ea5e00042", FindingKind::rule_expired, Severity::medium,
                            "The rule MIG-007 expired on 2026-06-30");
  expired.rule = "MIG-007";
  expired.cause = "It was relaxed for a move and never tightened again.";
  expired.remedy = "Renew the approval or remove the rule, and what it opened at the filter.";
  expired.evidence = {{"demarc.yaml", "line 311", "expires: 2026-06-30"}};
  expired.owner = "windows-ops";
  expired.baseline = BaselineStatus::unchanged;

  Finding ping = finding("e0e0e0e01234", FindingKind::exposed_forbidden, Severity::low,
                         "Echo requests from office are answered in dmz-back");
  ping.rule = "F-PING";
  ping.from_zone = "office", ping.to_zone = "dmz-back";
  ping.source = "office";
  ping.target = "10.20.0.0/24";
  ping.protocol = Protocol::icmp;
  ping.icmp = {IcmpType{8, 0}};
  ping.service = "ping";
  ping.cause = "The entry F-PING forbids it.";
  ping.remedy = "Allow echo from the management zone only.";
  ping.evidence = {{"evidence/office.jsonl", "record 3", "echo-reply from 10.20.0.11, 10.20.0.12"}};
  ping.vantages = {"office"};
  ping.baseline = BaselineStatus::unchanged;

  Finding unused = finding("f00dfeed0001", FindingKind::approved_unused, Severity::low,
                           "Nobody used ADM-040 (rdp) in 3 h 2 min");
  unused.rule = "ADM-040";
  unused.from_zone = "management", unused.to_zone = "dmz-back";
  unused.protocol = Protocol::tcp;
  unused.ports = parse_port_set("3389").value();
  unused.service = "rdp";
  unused.cause = "The sensor tap-back saw both directions during the whole window, without drops.";
  unused.remedy = "Ask the owner whether it is still needed; retire the rule if not.";
  unused.owner = "windows-ops";
  unused.baseline = BaselineStatus::unchanged;

  Finding noise = finding("0123456789ab", FindingKind::attempt_undocumented, Severity::info,
                          "1,322 unanswered attempts from the internet to dmz-front");
  noise.from_zone = "internet", noise.to_zone = "dmz-front";
  noise.cause = "Nothing got through.";
  noise.remedy = "Nothing to do.";

  Finding accepted = finding("1111aaaa2222", FindingKind::approved_not_listening, Severity::low,
                             "Nothing listens at proxy1.front tcp/80 (WEB-002)");
  accepted.rule = "WEB-002";
  accepted.target = "proxy1.front";
  accepted.protocol = Protocol::tcp;
  accepted.ports = parse_port_set("80").value();
  accepted.cause = "The port is closed from every vantage point.";
  accepted.accepted = true;
  accepted.accepted_reason = "Redirector is rebuilt; until 2026-12-31";

  Finding gone = finding("2222bbbb3333", FindingKind::exposed_undocumented, Severity::high,
                         "Telnet answers at edge-rtr from the internet");
  gone.baseline = BaselineStatus::gone;
  gone.target = "edge-rtr";

  Finding gap =
      finding("9c0e5d1a7b34", FindingKind::not_measured, Severity::none, "UDP from office was not measured");
  gap.cause = "No answer came to any of 5 datagrams; over UDP silence proves nothing.";
  gap.remedy = "Run a witness at web1 or give the configuration of fw-inner.";
  gap.from_zone = "office", gap.to_zone = "dmz-back";

  v.findings = {smb, smtp, outbound, expired, ping, unused, accepted, noise, gone, gap};
  v.coverage.push_back({"office udp", 5, 0, 40, false, "35 ports were not asked before the window closed"});
  v.vantages[1].end = "interrupted";
  using S = MatrixCell::State;
  v.matrix = {
      {"dmz-back", "database", "ms-sql", S::approved_seen, true, false, true, true, {"DB-020"}, {}},
      {"dmz-back", "database", "smb", S::unanswered, false, true, false, false, {}, {}},
      {"dmz-front", "internet", "tcp/4444", S::undocumented, false, false, false, true, {}, {"c0ffee123456"}},
      {"dmz-front", "internet", "smtp", S::approved_not_seen, true, false, false, false, {"OUT-052"}, {}},
      {"internet", "database", "ms-sql", S::unanswered, false, true, false, false, {}, {}},
      {"internet", "dmz-front", "https", S::approved_seen, true, false, true, true, {"WEB-001"}, {}},
      {"internet", "dmz-front", "smb", S::unanswered, false, true, false, false, {}, {}},
      {"internet", "dmz-front", "smtp", S::forbidden, false, true, true, false, {}, {"b7d2219c0a5f"}},
      {"management", "database", "ping", S::not_measured, false, false, false, false, {}, {}},
      {"management",
       "dmz-back",
       "rdp",
       S::approved_not_seen,
       true,
       false,
       true,
       false,
       {"ADM-040"},
       {"f00dfeed0001"}},
      {"management", "dmz-back", "snmp", S::approved_not_measured, true, false, false, false, {"MON-030"}, {}},
      {"office", "dmz-back", "ping", S::forbidden, false, true, true, false, {}, {"e0e0e0e01234"}},
      {"office", "dmz-back", "smb", S::forbidden, false, true, true, true, {}, {"a41f00c2d9e7"}},
      {"office", "dmz-front", "https", S::approved_seen, true, false, true, false, {"WEB-001"}, {}},
  };
  v.rules[2].findings = {"f00dfeed0001"};
  RuleRow migration;
  migration.id = "MIG-007";
  migration.service = "every";
  migration.from = "office";
  migration.to = "web-back";
  migration.state = "expired 2026-06-30";
  migration.owner = "windows-ops";
  migration.reason = "Move of the file shares";
  migration.reachable = "open from office";
  migration.observed = "12 conversations";
  migration.configured = "not measured";
  migration.findings = {"d15ea5e00042"};
  migration.where = Location{.file = "demarc.yaml", .line = 305, .column = 5};
  v.rules.push_back(migration);
  count(v);
  return v;
}

Verdict large() {
  Verdict v = frame();
  v.conclusion = Conclusion::violates;
  v.complete = true;
  constexpr Severity kSeverities[] = {Severity::critical, Severity::high, Severity::medium, Severity::low,
                                      Severity::info};
  for (int i = 0; i < 500; ++i) {
    Severity severity = kSeverities[i / 100];
    Finding f = finding(fmt::format("{:012x}", i * 7919 + 1), FindingKind::exposed_undocumented, severity,
                        fmt::format("Port {} answers at host{}.back from zone{:02}", 1000 + i, i % 40, i % 12));
    f.from_zone = fmt::format("zone{:02}", i % 12), f.to_zone = fmt::format("zone{:02}", (i + 5) % 12);
    f.target = fmt::format("host{}.back", i % 40);
    f.protocol = Protocol::tcp;
    f.ports = PortSet::single(Port{static_cast<std::uint16_t>(1000 + i)});
    f.cause = "No rule in force approves it.";
    f.remedy =
        "Close the port at the filter, or have it approved: a rule with an owner, a reason and all approvals.";
    f.sample = packet("198.51.100.7", "10.20.0.11", Protocol::tcp, static_cast<std::uint16_t>(1000 + i));
    f.evidence = {{"evidence/external.jsonl", fmt::format("record {}", i), "open, syn-ack"}};
    f.owner = fmt::format("team-{}", i % 9);
    f.application = i % 3 == 0 ? "" : fmt::format("application-{}", i % 5);
    if (i % 4 != 0) f.tags = {fmt::format("tag-{}", i % 3), "pci"};
    v.findings.push_back(f);
  }
  constexpr std::string_view kServices[] = {
      "dns",    "docker",        "ftp",     "http", "https",  "imap",       "kerberos",  "ldap",
      "ms-sql", "msrpc-dynamic", "netbios", "nfs",  "ping",   "postgresql", "rates-api", "rdp",
      "smb",    "smtp",          "snmp",    "ssh",  "telnet", "tftp",       "winrm"};
  v.matrix.clear();
  for (int from = 0; from < 12; ++from) {
    for (int to = 0; to < 12; ++to) {
      if (from == to) continue;
      for (int s = 0; s < 23; ++s) {
        int mixed = (from * 31 + to * 17 + s * 7) % 40;
        auto state = static_cast<MatrixCell::State>(mixed < 7 ? mixed : mixed < 30 ? 5 : 6);
        v.matrix.push_back({fmt::format("zone{:02}", from),
                            fmt::format("zone{:02}", to),
                            std::string(kServices[s]),
                            state,
                            mixed < 3,
                            mixed == 4,
                            false,
                            false,
                            {},
                            {}});
      }
    }
  }
  count(v);
  return v;
}

const std::vector<std::string>& hostile_texts() {
  static const std::vector<std::string> texts = {
      "<script>alert(1)</script>",
      "\"><img src=x onerror=alert(1)>",
      "'><svg onload=alert(1)>",
      "</style></title></textarea><iframe src=javascript:alert(1)>",
      "<a href=\"javascript:alert(1)\" id=injected>x</a>",
      "\x1b]0;owned\x07\x1b[2J\x1b[31m220 mail",
      "\xc2\x9b"
      "31mC1 control",
      "=cmd|' /C calc'!A0",
      "+1+1,\"quoted\"\r\n-2",
      "@SUM(A1:A9)",
      "| a | `b` | [link](javascript:alert(1)) | ![i](http://192.0.2.1/x) | ***\n# heading\n```\n~~~",
      "user \xe2\x80\xae"
      "gnp.exe\xe2\x81\xa6 reordered",
      "\xff\xfe\x80 not UTF-8 \xc0\xaf",
      std::string("nul \0 inside", 12),
      "]]>&lt;!--&amp;--><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>&e;",
      std::string(1U << 20, 'A') + "<script>alert(2)</script>",
  };
  return texts;
}

Verdict injected() {
  Verdict v = ordinary();
  Finding f = finding("bad0bad0bad0", FindingKind::service_mismatch, Severity::critical, hostile_texts()[0]);
  f.target = hostile_texts()[1];
  f.rule = "=cmd|' /C calc'!A0";
  f.cause = hostile_texts()[10];
  f.remedy = "Look at the banner, `not` <b>here</b>.";
  f.remedy_configuration = {"! ``` ends no fence", hostile_texts()[5]};
  f.owner = "@owner";
  for (const std::string& text : hostile_texts()) {
    if (text.size() < 1000)
      f.evidence.push_back({"evidence/external.jsonl", fmt::format("record {}", f.evidence.size() + 1), text});
  }
  v.findings.insert(v.findings.begin(), f);
  v.counts.clear();
  count(v);
  return v;
}

Verdict hostile() {
  Verdict v = ordinary();
  std::size_t next = 0;
  auto poison = [&next](std::string& text) { text = hostile_texts()[next++ % hostile_texts().size()]; };
  for (std::string* text : {&v.tool_version, &v.rules_name, &v.rules_file, &v.rules_sha256, &v.scope_sha256,
                            &v.authorised_by, &v.authorised_ticket})
    poison(*text);
  std::vector<Finding> findings;
  // Each finding once for each text, so that every text meets every field.
  for (std::size_t round = 0; round < hostile_texts().size(); ++round) {
    for (std::size_t i : {std::size_t{0}, std::size_t{6}, std::size_t{8}, std::size_t{9}}) {
      Finding f = v.findings[i];
      next = round;
      for (std::string* text : {&f.id, &f.rule, &f.from_zone, &f.to_zone, &f.source, &f.target, &f.service,
                                &f.title, &f.cause, &f.remedy, &f.application, &f.owner, &f.accepted_reason}) {
        if (text->size() < (1U << 16)) poison(*text);
      }
      f.remedy_configuration = {hostile_texts()[round]};
      f.tags = {hostile_texts()[round]};
      f.vantages = {hostile_texts()[round]};
      f.evidence.assign(1,
                        EvidenceRef{hostile_texts()[(round + 1) % hostile_texts().size()],
                                    hostile_texts()[(round + 2) % hostile_texts().size()], hostile_texts()[round]});
      findings.push_back(f);
    }
  }
  v.findings = std::move(findings);
  next = 0;
  for (CoverageRow& row : v.coverage) poison(row.what), poison(row.gap);
  for (MatrixCell& cell : v.matrix) {
    poison(cell.from_zone), poison(cell.to_zone), poison(cell.service);
    cell.rules.assign(1, hostile_texts()[next % hostile_texts().size()]);
    cell.findings.assign(1, hostile_texts()[next % hostile_texts().size()]);
  }
  for (RuleRow& row : v.rules) {
    for (std::string* text :
         {&row.id, &row.service, &row.from, &row.to, &row.owner, &row.application, &row.ticket, &row.reason,
          &row.state, &row.review_by, &row.reachable, &row.observed, &row.configured})
      poison(*text);
    row.tags.assign(1, hostile_texts()[next % hostile_texts().size()]);
    row.findings.assign(1, hostile_texts()[next % hostile_texts().size()]);
    poison(row.where.file);
  }
  for (VantageRow& row : v.vantages) {
    for (std::string* text :
         {&row.name, &row.zone, &row.source_address, &row.method, &row.started, &row.finished, &row.end})
      poison(*text);
  }
  for (EvidenceRow& row : v.evidence) poison(row.file), poison(row.kind), poison(row.sha256), poison(row.note);
  v.notes = hostile_texts();
  return v;
}

Verdict by_name(std::string_view name) {
  if (name == "ordinary") return ordinary();
  if (name == "clean") return clean();
  if (name == "inconclusive") return inconclusive();
  if (name == "large") return large();
  if (name == "injected") return injected();
  if (name == "hostile") return hostile();
  throw std::invalid_argument(fmt::format("no sample '{}'", name));
}

}  // namespace demarc::samples
