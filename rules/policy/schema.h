// The rule set's JSON Schema (draft-07), for editors and for validators in a pipeline: `demarc schema rules`.
#pragma once

#include <string>

namespace demarc {

/// It knows every key, form and unit of the rule set. What needs names resolved (a zone that nobody defined, an
/// exception outside its entry) is beyond JSON Schema: read_rule_set() says those.
std::string rules_json_schema();

}  // namespace demarc
