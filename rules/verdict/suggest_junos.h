// Changes of a Junos filter as the commands of its configuration mode: terms go by their names, new ones are set
// and moved to their place.
//
//   delete firewall family inet filter IN term old
//   set firewall family inet filter IN term WEB-001-https from protocol tcp
//   set firewall family inet filter IN term WEB-001-https then accept
//   insert firewall family inet filter IN term WEB-001-https before term mail
#pragma once

#include <string>
#include <vector>

#include "rules/acl/writers/junos.h"
#include "rules/acl/writers/writer.h"

namespace demarc {

class JunosFilterEdits {
 public:
  /// The list must outlive it.
  JunosFilterEdits(const Device& device, ListIndex list);

  /// Why terms of this list are not edited; empty: they are.
  const std::string& problem() const { return problem_; }
  /// The command that takes the entry away; empty: it is no term of its own.
  std::string remove(std::uint32_t entry) const;
  /// The commands that enter written terms in front of the entry's (`behind` it, if that one goes) or at the end.
  std::vector<std::string> enter(std::uint32_t entry, bool behind, const std::vector<std::string>& written);

 private:
  const List& list_;
  std::string filter_, problem_;
  UniqueNames names_;
};

/// Whether the list is a filter: security policies have other words.
bool is_junos_filter(const List& list);

}  // namespace demarc
