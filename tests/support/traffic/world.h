// The small world that generated conversations take place in: servers with services, clients that nobody confuses,
// and a clock. The same seed gives the same world.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>

#include "rules/net/flow.h"
#include "rules/net/time.h"

namespace demarc::traffic {

/// What a service's two sides say first; "" where their bytes mean nothing.
struct Service {
  std::uint16_t port = 0;
  std::string_view name;  // as recognisers name it; "": no recogniser is expected to know
  std::string_view client_says, server_says;
};
/// `unheard_of`: a high port that nothing else uses.
enum class Ports : std::uint8_t { well_known, high, unheard_of };

class World {
 public:
  /// `servers` of each family: few enough that each of their ports has several clients, as in real captures.
  World(std::uint64_t seed, std::uint32_t servers, Timestamp start = Timestamp::from_seconds(1'795'000'000))
      : random_(seed), servers_(servers), start_(start) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }

  /// When the next conversation begins: anywhere within the first `spread`.
  Timestamp sometime() { return start_ + Nanoseconds(static_cast<std::int64_t>(below(kSpread))); }
  /// Between two packets of one conversation: 50 us to 8 ms.
  Nanoseconds soon() { return Nanoseconds(50'000 + static_cast<std::int64_t>(below(8'000'000))); }
  Timestamp start() const { return start_; }

  /// One of the servers, each of which has every service; so all kinds of conversations share servers, as
  /// they do in real captures.
  Address server(Family family = Family::ipv4);
  Service tcp_service(Ports ports);
  /// A client with a port that no other conversation of this world has.
  Endpoint client(Family family = Family::ipv4);
  /// The same on that address.
  Endpoint another_port(const Address& client);
  /// An address of the outside that occurs once.
  Address stranger(Family family = Family::ipv4);
  std::uint32_t isn() { return static_cast<std::uint32_t>(random_()); }

 private:
  static constexpr std::uint64_t kSpread = 900'000'000'000;  // ns
  std::mt19937_64 random_;
  std::uint32_t servers_;
  Timestamp start_;
  std::uint32_t clients_ = 0, strangers_ = 0, lonely_ports_ = 0;
};

}  // namespace demarc::traffic
