// Packets of a conversation as the checks of a device that translates addresses see them: before the translation of
// the destination or behind it, before that of the source or behind it, as each stage says (Stage::real_source,
// real_destination). The first statement that matches translates.
//
// Which statements those are is the packets' course. Packets that are alike take one. Where they are not, and where
// the configuration does not say which statement is met, there are several, each of them possible.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/rewriting.h"

namespace demarc {

/// What the stages see in place of the ends of packets as they come in.
class Course {
 public:
  /// Nothing is translated: every stage sees what comes in.
  bool is_plain() const { return source_nat_ == nullptr && destination_nat_ == nullptr; }
  Box seen(const Stage& stage, const Box& packets) const;
  PacketSet seen(const Stage& stage, const PacketSet& packets) const;
  /// The packets that may look like one of these there.
  PacketSet origin(const Stage& stage, const PacketSet& seen) const;
  /// What replies take to packets that took this one.
  Course of_replies(const Box& opening) const;

 private:
  friend class Translations;
  friend std::string words_of(std::span<const Course> courses);
  void set(const Nat* destination, const Nat* source);

  std::array<std::optional<Rewriting>, 2> source_ = {}, destination_ = {};  // where real ones are seen: [1]
  const Nat *source_nat_ = nullptr, *destination_nat_ = nullptr;            // none: that end is kept
  /// Of the packets with their new destination those that take the source's statement.
  std::optional<PacketSet> between_ = {};
};

/// Packets, as they come in, that may take a course.
struct CourseOfSet {
  Course course = {};
  PacketSet packets = {};
};

/// What becomes of packets that begin conversations. Of packets that do not (none of their states is fresh), what
/// an earlier one met decides: every statement only may apply, and to those of no conversation none does.
class Translations {
 public:
  /// It must outlive this.
  explicit Translations(const Device& device);
  bool none() const { return matches_.empty(); }

  struct OfBox {
    std::vector<Course> courses = {};
    bool mixed = false;  // a statement matches some of the packets and others not: only sets can tell
  };
  /// Of packets of one protocol and one family.
  OfBox courses(const Box& packets, Way way) const;
  /// Of those of these states. May throw SpaceExhausted.
  std::vector<CourseOfSet> courses(const PacketSet& packets, const StateSet& states, Way way) const;
  /// The packets, and roughly what they may become.
  std::vector<Box> with_images(std::vector<Box> packets) const;

 private:
  struct Taken;
  std::vector<const Nat*> taken(Nat::Kind kind, const Box& packets, bool sure, bool& mixed) const;
  std::vector<Taken> taken(Nat::Kind kind, const PacketSet& packets, bool sure) const;
  bool source_by_new_destination() const;

  const Device& device_;
  std::vector<Match> matches_;  // of Device::nats
};

/// "line 4 translates the destination to 192.0.2.10 port 8443"; empty where nothing is translated.
std::string words_of(std::span<const Course> courses);

}  // namespace demarc
