// Documents of a cloud as its own tool prints them, taken apart, changed and put together again.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace demarc::cloud {

namespace json = boost::json;

/// All documents of the text; empty: they cannot be taken apart.
std::vector<json::value> documents(std::string_view text);
/// Each on a line of its own.
std::string to_text(const std::vector<json::value>& documents);

/// Calls f with every object, those around before those within.
template <typename F>
void each_object(json::value& v, const F& f) {
  if (json::array* array = v.if_array()) {
    for (json::value& e : *array) each_object(e, f);
  } else if (json::object* object = v.if_object()) {
    f(*object);
    for (auto& member : *object) each_object(member.value(), f);
  }
}
template <typename F>
void each_array(json::value& v, const F& f) {
  if (json::array* array = v.if_array()) {
    f(*array);
    for (json::value& e : *array) each_array(e, f);
  } else if (json::object* object = v.if_object()) {
    for (auto& member : *object) each_array(member.value(), f);
  }
}

/// The text under the key; empty: there is none.
std::string text_of(const json::object& object, std::string_view key);
/// The array under the key; nullptr: there is none.
json::array* array_of(json::object& object, std::string_view key);
json::array strings(const std::vector<std::string>& words);

}  // namespace demarc::cloud
