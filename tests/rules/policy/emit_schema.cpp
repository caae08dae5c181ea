// Writes the schema and what `init` makes into files, for the validator.
#include <fstream>
#include <iostream>

#include "rules/policy/init.h"
#include "rules/policy/schema.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::string folder = arguments[1];
  std::ofstream(folder + "/rules_schema.json") << demarc::rules_json_schema();
  demarc::InitOptions options;
  std::ofstream(folder + "/init_example.yaml") << demarc::initial_rule_set({}, options);
  demarc::ObservedService seen;
  seen.host = *demarc::parse_address("192.0.2.10");
  seen.protocol = demarc::Protocol::tcp;
  seen.port = demarc::Port(443);
  std::ofstream last(folder + "/init_draft.yaml");
  last << demarc::initial_rule_set({seen}, options);
  return last ? 0 : 1;
}
