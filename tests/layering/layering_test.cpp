// A wrong arrow between two folders does not link, but headers alone cross a boundary without a linker's notice. So
// the includes of the whole tree are read and held against the order of docs/architecture.md; the same for who may
// use which library, and for effects (files, sockets, clocks, the environment), which scanner/ alone may have.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace demarc {
namespace {

/// One folder of the second level and those it may include, beside itself.
struct Layer {
  std::string_view folder;
  std::vector<std::string_view> uses;
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> kLayers = [] {
    const std::vector<std::string_view> space = {"rules/text", "rules/net", "rules/space"};
    auto with = [](std::vector<std::string_view> base, std::vector<std::string_view> more) {
      base.insert(base.end(), more.begin(), more.end());
      return base;
    };
    const auto views = with(space, {"rules/policy", "rules/acl", "rules/evidence"});
    const auto probes = std::vector<std::string_view>{"rules/text", "rules/net", "rules/evidence"};
    const auto pure = with(views, {"rules/verdict", "rules/plan", "probes/wire", "probes/app", "probes/readings",
                                   "reports/view", "reports/formats"});
    // scanner's parts use what is pure, except the reports: those are the application's.
    const auto engine = with(views, {"rules/plan", "probes/wire", "probes/app", "probes/readings"});
    return std::vector<Layer>{
        {"rules/text", {}},
        {"rules/net", {"rules/text"}},
        {"rules/space", {"rules/text", "rules/net"}},
        {"rules/policy", space},
        {"rules/acl", space},
        {"rules/evidence", space},
        {"rules/verdict", views},
        {"rules/plan", views},
        {"probes/wire", probes},
        {"probes/app", with(probes, {"probes/wire"})},
        {"probes/readings", with(probes, {"probes/wire"})},
        {"reports/view", with(views, {"rules/verdict"})},
        {"reports/formats", with(views, {"rules/verdict", "reports/view"})},
        {"scanner/files", engine},
        {"scanner/capture", with(engine, {"scanner/files"})},
        {"scanner/active", with(engine, {"scanner/files", "scanner/capture"})},
        {"scanner/sender", with(engine, {"scanner/files", "scanner/capture"})},
        {"scanner/passive", with(engine, {"scanner/files", "scanner/capture"})},
        {"scanner/history", with(engine, {"rules/verdict", "scanner/files"})},
        {"scanner/app", with(pure, {"scanner/files", "scanner/capture", "scanner/active", "scanner/sender",
                                    "scanner/passive", "scanner/history"})},
    };
  }();
  return kLayers;
}

/// A foreign header and the only folders that may include it.
struct Foreign {
  std::string_view header;  // a prefix of the include
  std::vector<std::string_view> folders;
};

const std::vector<Foreign>& foreign_headers() {
  static const std::vector<Foreign> kForeign = {
      {"yaml-cpp/", {"rules/policy"}},
      {"expat.h", {"rules/evidence"}},
      {"boost/json", {"rules/evidence", "rules/verdict"}},
      {"pcap.h", {"scanner/capture"}},
      {"pcap/", {"scanner/capture"}},
      {"boost/asio", {"scanner/active"}},
      {"sqlite3.h", {"scanner/history"}},
      {"CLI/", {"scanner/app"}},
      {"spdlog/", {"scanner/app"}},
      {"openssl/", {"rules/text", "scanner/active"}},
      {"zlib.h", {"scanner/files"}},
      {"zstd.h", {"scanner/files"}},
  };
  return kForeign;
}

bool is_pure(std::string_view folder) {
  return folder.starts_with("rules/") || folder.starts_with("probes/") || folder.starts_with("reports/");
}

/// "rules/net" of "rules/net/port.h"; empty for what lies in no second-level folder of a layer.
std::string folder_of(std::string_view path) {
  const std::size_t first = path.find('/');
  if (first == std::string_view::npos) return {};
  const std::size_t second = path.find('/', first + 1);
  if (second == std::string_view::npos) return {};
  return std::string(path.substr(0, second));
}

/// Text without comments and without the insides of string literals, line by line: effects are looked for in code
/// only.
std::vector<std::string> code_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  enum class In { code, line_comment, block_comment, string, character, raw } in = In::code;
  std::string raw_end;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\n') {
      if (in == In::line_comment) in = In::code;
      lines.emplace_back();
      continue;
    }
    switch (in) {
      case In::code:
        if (c == '/' && next == '/') {
          in = In::line_comment;
        } else if (c == '/' && next == '*') {
          in = In::block_comment;
          ++i;
        } else if (c == 'R' && next == '"') {
          const std::size_t open = text.find('(', i);
          if (open == std::string_view::npos) break;
          raw_end = ")" + std::string(text.substr(i + 2, open - i - 2)) + "\"";
          in = In::raw;
          i = open;
        } else {
          if (c == '"') in = In::string;
          // 1'000 is a number, not a character.
          if (c == '\'' && !(i > 0 && std::isxdigit(static_cast<unsigned char>(text[i - 1])) != 0))
            in = In::character;
          lines.back() += c;
        }
        break;
      case In::block_comment:
        if (c == '*' && next == '/') {
          in = In::code;
          ++i;
        }
        break;
      case In::string:
      case In::character:
        if (c == '\\') {
          ++i;
        } else if (c == (in == In::string ? '"' : '\'')) {
          lines.back() += c;
          in = In::code;
        }
        break;
      case In::raw:
        if (text.substr(i, raw_end.size()) == raw_end) {
          i += raw_end.size() - 1;
          in = In::code;
        }
        break;
      case In::line_comment: break;
    }
  }
  return lines;
}

struct Include {
  std::size_t line;
  std::string path;
  bool quoted;
};

std::vector<Include> includes_of(std::string_view text) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re");
  std::vector<Include> found;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line(text.substr(begin, end - begin));
    ++number;
    if (std::smatch match; std::regex_search(line, match, kInclude))
      found.push_back({number, match[2].str(), match[1].str() == "\""});
    begin = end + 1;
  }
  return found;
}

/// What a pure file may not include, and what it may not say.
constexpr std::string_view kEffectHeaders[] = {
    "fstream",  "filesystem",        "iostream",     "cstdio",     "stdio.h",     "thread",      "unistd.h",
    "fcntl.h",  "netdb.h",           "sys/socket.h", "sys/stat.h", "sys/types.h", "sys/mman.h",  "netinet/in.h",
    "net/if.h", "linux/if_packet.h", "csignal",      "signal.h",   "poll.h",      "sys/epoll.h",
};
const std::regex& effect_words() {
  static const std::regex kWords(
      R"re((_clock\s*::\s*now|\b(getenv|secure_getenv|gettimeofday|clock_gettime|fopen|system|popen|rand|srand))\s*\(|\b(ifstream|ofstream|random_device)\b)re");
  return kWords;
}

/// Everything wrong with one file, as "path:line: what".
std::vector<std::string> complaints(std::string_view path, std::string_view text) {
  std::vector<std::string> out;
  const std::string folder = folder_of(path);
  const auto layer =
      std::find_if(layers().begin(), layers().end(), [&](const Layer& l) { return l.folder == folder; });
  if (layer == layers().end()) {
    out.push_back(fmt::format("{}: the folder '{}' has no place in the order of layers", path, folder));
    return out;
  }
  for (const Include& include : includes_of(text)) {
    const auto complain = [&](std::string what) {
      out.push_back(fmt::format("{}:{}: {}", path, include.line, what));
    };
    if (include.quoted) {
      const std::string used = folder_of(include.path);
      if (used.empty()) {
        complain(fmt::format("\"{}\" is not written from the root of the tree", include.path));
      } else if (used != folder && std::find(layer->uses.begin(), layer->uses.end(), used) == layer->uses.end()) {
        complain(fmt::format("{} may not use {}", folder, used));
      }
    }
    for (const Foreign& foreign : foreign_headers()) {
      if (include.path.starts_with(foreign.header) &&
          std::find(foreign.folders.begin(), foreign.folders.end(), folder) == foreign.folders.end())
        complain(fmt::format("<{}> belongs to {} alone", include.path, fmt::join(foreign.folders, " and ")));
    }
    if (is_pure(folder)) {
      if (std::find(std::begin(kEffectHeaders), std::end(kEffectHeaders), include.path) != std::end(kEffectHeaders))
        complain(fmt::format("<{}> in a pure folder", include.path));
      // inet_pton and inet_ntop have no effect; only the reader of addresses needs them.
      if (include.path == "arpa/inet.h" && path != "rules/net/address.cpp")
        complain("<arpa/inet.h> outside of rules/net/address.cpp");
    }
  }
  if (is_pure(folder)) {
    const std::vector<std::string> lines = code_lines(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find("#include") != std::string::npos) continue;
      if (std::smatch match; std::regex_search(lines[i], match, effect_words()))
        out.push_back(fmt::format("{}:{}: '{}' in a pure folder", path, i + 1, match[0].str()));
    }
  }
  return out;
}

/// The name that the words before a "{" define as a type, with what it is a member of; empty: they do not.
std::string type_defined(std::span<const std::string> words) {
  while (!words.empty() && words.front() == "template") {
    std::size_t end = 1;
    for (int depth = 0; end < words.size(); ++end) {
      depth += words[end] == "<" ? 1 : words[end] == ">" ? -1 : 0;
      if (depth == 0) break;
    }
    words = words.subspan(std::min(end + 1, words.size()));
  }
  const std::string_view first = words.empty() ? std::string_view{} : std::string_view(words.front());
  if (first != "class" && first != "struct" && first != "union" && first != "enum") return {};
  for (const std::string_view other : {"(", "="})  // a function, or a variable
    if (std::find(words.begin(), words.end(), other) != words.end()) return {};
  std::size_t i = 1;
  if (i < words.size() && (words[i] == "class" || words[i] == "struct")) ++i;
  std::string name;
  for (; i < words.size() && words[i] != ":" && words[i] != "final"; ++i) name += words[i];
  return name;
}

/// Types defined at the level of a named namespace, as "demarc::raw_engine::Engine" -> line. What an anonymous
/// namespace holds belongs to its file alone.
std::map<std::string, std::size_t> types_of(std::string_view text) {
  static const std::regex kWord(R"re([A-Za-z_][A-Za-z0-9_]*|::|[{};<>()=:,])re");
  struct Scope {
    enum class Kind { named, anonymous, other } kind;
    std::string name;
  };
  std::vector<Scope> scopes;
  std::map<std::string, std::size_t> found;
  std::vector<std::string> statement;  // since the last of { } ;
  std::size_t begun = 0;
  const std::vector<std::string> lines = code_lines(text);
  for (std::size_t number = 0; number < lines.size(); ++number) {
    const std::string& line = lines[number];
    if (line.find_first_not_of(" ") != std::string::npos && line[line.find_first_not_of(" ")] == '#') continue;
    for (std::sregex_iterator at(line.begin(), line.end(), kWord), end; at != end; ++at) {
      const std::string word = at->str();
      if (statement.empty()) begun = number + 1;
      if (word != "{" && word != "}" && word != ";") {
        statement.push_back(word);
        continue;
      }
      if (word == "}" && !scopes.empty()) scopes.pop_back();
      if (word == "{") {
        Scope scope{Scope::Kind::other, {}};
        if (!statement.empty() && statement.front() == "namespace") {
          scope.kind = statement.size() == 1 ? Scope::Kind::anonymous : Scope::Kind::named;
          scope.name = fmt::format("{}", fmt::join(statement.begin() + 1, statement.end(), ""));
        }
        const bool in_namespaces =
            std::all_of(scopes.begin(), scopes.end(), [](const Scope& s) { return s.kind == Scope::Kind::named; });
        if (std::string name = type_defined(statement); in_namespaces && !name.empty()) {
          std::string within;
          for (const Scope& s : scopes) within += s.name + "::";
          found.emplace(within + name, begun);
        }
        scopes.push_back(std::move(scope));
      }
      statement.clear();
    }
  }
  return found;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The C++ files of the layers, by their path from the root.
const std::map<std::string, std::string>& tree() {
  static const std::map<std::string, std::string> kTree = [] {
    std::map<std::string, std::string> files;
    const std::filesystem::path root = DEMARC_SOURCE_DIR;
    for (const char* top : {"rules", "probes", "reports", "scanner"}) {
      if (!std::filesystem::exists(root / top)) continue;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
        const std::string extension = entry.path().extension().string();
        if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp" || extension == ".inc"))
          files.emplace(std::filesystem::relative(entry.path(), root).generic_string(), read(entry.path()));
      }
    }
    return files;
  }();
  return kTree;
}

}  // namespace

TEST_CASE("no file includes what lies above or beside its layer, and no pure one has effects") {
  REQUIRE(tree().size() > 30);
  std::vector<std::string> all;
  for (const auto& [path, text] : tree()) {
    const std::vector<std::string> found = complaints(path, text);
    all.insert(all.end(), found.begin(), found.end());
  }
  INFO(fmt::format("{}", fmt::join(all, "\n")));
  CHECK(all.empty());
}

TEST_CASE("yaml-cpp and Boost.JSON's sources live in one translation unit each") {
  int yaml = 0, json_sources = 0;
  for (const auto& [path, text] : tree()) {
    bool uses_yaml = false;
    for (const Include& include : includes_of(text)) {
      uses_yaml = uses_yaml || include.path.starts_with("yaml-cpp/");
      json_sources += include.path == "boost/json/src.hpp" ? 1 : 0;
    }
    CAPTURE(path);
    if (uses_yaml) CHECK(path.ends_with(".cpp"));
    yaml += uses_yaml ? 1 : 0;
  }
  CHECK(yaml <= 1);
  CHECK(json_sources <= 1);
}

TEST_CASE("the order of layers has no cycle and names each folder once") {
  std::set<std::string_view> before;
  for (const Layer& layer : layers()) {
    CAPTURE(layer.folder);
    CHECK(before.insert(layer.folder).second);
    for (const std::string_view used : layer.uses) {
      CAPTURE(used);
      CHECK(before.contains(used));  // used folders stand above, so there is no way back
      CHECK(used != layer.folder);
    }
  }
}

TEST_CASE("a wrong arrow is found") {
  struct Row {
    const char* path;
    const char* text;
    const char* complaint;  // empty: none
  };
  for (const Row& row : {
           Row{"rules/net/port.h", "#include \"rules/text/result.h\"\n", ""},
           Row{"rules/text/result.h", "\n#include \"rules/net/port.h\"\n",
               "rules/text/result.h:2: rules/text may not use rules/net"},
           Row{"rules/policy/lint.cpp", "#include \"rules/evidence/outcome.h\"\n",
               "rules/policy/lint.cpp:1: rules/policy may not use rules/evidence"},
           Row{"rules/verdict/compare.cpp", "#include \"rules/plan/work.h\"\n",
               "rules/verdict/compare.cpp:1: rules/verdict may not use rules/plan"},
           Row{"probes/app/smb.cpp", "#include \"rules/policy/rule_set.h\"\n",
               "probes/app/smb.cpp:1: probes/app may not use rules/policy"},
           Row{"reports/view/html.cpp", "#include \"scanner/files/file.h\"\n",
               "reports/view/html.cpp:1: reports/view may not use scanner/files"},
           Row{"scanner/active/engine.cpp", "#include \"scanner/passive/flow_table.h\"\n",
               "scanner/active/engine.cpp:1: scanner/active may not use scanner/passive"},
           Row{"scanner/active/engine.cpp", "#include \"scanner/app/main.h\"\n",
               "scanner/active/engine.cpp:1: scanner/active may not use scanner/app"},
           Row{"scanner/app/main.cpp", "#include \"scanner/passive/flow_table.h\"\n", ""},
           Row{"rules/net/port.h", "#include \"port.h\"\n",
               "rules/net/port.h:1: \"port.h\" is not written from the root of the tree"},
           Row{"rules/luck/dice.h", "",
               "rules/luck/dice.h: the folder 'rules/luck' has no place in the order of layers"},
           Row{"rules/verdict/a.cpp", "#include <yaml-cpp/yaml.h>\n",
               "rules/verdict/a.cpp:1: <yaml-cpp/yaml.h> belongs to rules/policy alone"},
           Row{"scanner/passive/a.cpp", "#include <pcap/pcap.h>\n",
               "scanner/passive/a.cpp:1: <pcap/pcap.h> belongs to scanner/capture alone"},
           Row{"scanner/app/a.cpp", "#include <boost/asio/io_context.hpp>\n",
               "scanner/app/a.cpp:1: <boost/asio/io_context.hpp> belongs to scanner/active alone"},
           Row{"rules/policy/a.cpp", "#include <fstream>\n", "rules/policy/a.cpp:1: <fstream> in a pure folder"},
           Row{"rules/net/prefix.cpp", "#include <arpa/inet.h>\n",
               "rules/net/prefix.cpp:1: <arpa/inet.h> outside of rules/net/address.cpp"},
           Row{"rules/net/address.cpp", "#include <arpa/inet.h>\n", ""},
           Row{"probes/wire/a.cpp", "int x;\nauto t = std::chrono::system_clock::now();\n",
               "probes/wire/a.cpp:2: '_clock::now(' in a pure folder"},
           Row{"rules/policy/a.cpp", "auto v = std::getenv(\"HOME\");\n",
               "rules/policy/a.cpp:1: 'getenv(' in a pure folder"},
           Row{"rules/policy/a.cpp",
               "// getenv(x) is what we do not do\n/* steady_clock::now() */ const char* s = \"fopen(\";\n", ""},
           Row{"scanner/files/a.cpp", "#include <fstream>\nauto v = std::getenv(\"HOME\");\n", ""},
       }) {
    CAPTURE(row.path);
    CAPTURE(row.text);
    const std::vector<std::string> found = complaints(row.path, row.text);
    if (std::string_view(row.complaint).empty()) {
      CHECK(fmt::format("{}", fmt::join(found, "\n")) == "");
    } else {
      REQUIRE(found.size() == 1);
      CHECK(found.front() == row.complaint);
    }
  }
}

TEST_CASE("no two files define a type of the same name") {
  // To the linker they would be one: it keeps the destructor of either, for both.
  std::map<std::string, std::string> by_name;
  std::vector<std::string> twice;
  for (const auto& [path, text] : tree()) {
    for (const auto& [name, line] : types_of(text)) {
      const std::string here = fmt::format("{}:{}", path, line);
      const auto [other, is_new] = by_name.emplace(name, here);
      if (!is_new) twice.push_back(fmt::format("{}: {} and {}", name, other->second, here));
    }
  }
  CHECK(by_name.size() > 500);
  INFO(fmt::format("{}", fmt::join(twice, "\n")));
  CHECK(twice.empty());
}

TEST_CASE("types are found where they are defined") {
  auto names = [](std::string_view text) {
    std::vector<std::string> out;
    for (const auto& [name, line] : types_of(text)) out.push_back(fmt::format("{}:{}", name, line));
    return fmt::format("{}", fmt::join(out, " "));
  };
  CHECK(names("namespace a {\nclass B;\nstruct C { struct D {}; };\nenum class E : int { f };\n}") ==
        "a::C:3 a::E:4");
  CHECK(names("namespace a {\nnamespace {\nstruct B {};\n}\nnamespace b::c {\nunion D {};\n}\n}") ==
        "a::b::c::D:6");
  CHECK(names("namespace a {\ntemplate <class T>\nclass B final : private C<T> {};\n}") == "a::B:2");
  CHECK(names("namespace a {\nstruct B f() { return {}; }\nstruct C c = {1};\n}") == "");
  CHECK(names("namespace a {\ntemplate <>\nstruct B<int> {};\nstruct C::D {};\n}") == "a::B<int>:2 a::C::D:4");
}

TEST_CASE("no file names a place on the machine where it was written") {
  // A path below a home or a workspace works on one machine only. System paths (/usr, /etc, /proc, /tmp) are no
  // such places.
  static const std::regex kPlace(R"re((^|[\s"'=(:])/(home|Users|work|workspace|builds)/[A-Za-z0-9_.-]+)re");
  CHECK(std::regex_search(std::string("see /") + "home/alice/demarc", kPlace));
  CHECK_FALSE(std::regex_search(std::string("rules/home/page and ~/.ssh/probe"), kPlace));
  const std::filesystem::path root = DEMARC_SOURCE_DIR;
  static const std::set<std::string> kText = {".h",    ".cpp", ".inc", ".md",  ".yaml", ".txt", ".cmake",
                                              ".json", ".sh",  ".py",  ".nft", ".cfg",  ""};
  std::vector<std::string> places;
  for (const char* top :
       {"rules", "probes", "reports", "scanner", "examples", "packaging", "docs", "tests", ".ci"}) {
    if (!std::filesystem::exists(root / top)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !kText.contains(entry.path().extension().string())) continue;
      const std::string text = read(entry.path());
      if (text.find('\0') != std::string::npos) continue;
      if (std::smatch match; std::regex_search(text, match, kPlace))
        places.push_back(
            fmt::format("{}:{}", std::filesystem::relative(entry.path(), root).generic_string(), match[0].str()));
    }
  }
  INFO(fmt::format("{}", fmt::join(places, "\n")));
  CHECK(places.empty());
}

}  // namespace demarc
