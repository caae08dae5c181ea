#include "rules/verdict/cloud_documents.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

namespace demarc::cloud {

namespace {

constexpr std::size_t kDepthMax = 64;

}  // namespace

std::vector<json::value> documents(std::string_view text) {
  std::vector<json::value> out;
  json::parse_options options;
  options.max_depth = kDepthMax;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\xEF\xBB\xBF"), text.size()));
  while (!text.empty()) {
    json::stream_parser parser({}, options);
    boost::system::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    if (error || !parser.done()) return {};
    out.push_back(parser.release());
    text.remove_prefix(used);
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  }
  return out;
}

std::string to_text(const std::vector<json::value>& documents) {
  std::string out;
  for (const json::value& document : documents) out += json::serialize(document) + '\n';
  return out;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* v = object.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

json::array* array_of(json::object& object, std::string_view key) {
  json::value* v = object.if_contains(key);
  return v == nullptr ? nullptr : v->if_array();
}

json::array strings(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& w : words) out.emplace_back(w);
  return out;
}

}  // namespace demarc::cloud
