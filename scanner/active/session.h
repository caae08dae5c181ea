// Speaks with an open port, as a ServiceConversation tells it to, over Asio: bounded in bytes, time and
// connections.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "probes/app/service_conversation.h"
#include "rules/policy/scope.h"
#include "scanner/active/pace.h"

namespace boost::asio {
class io_context;
}

namespace demarc {

/// What a session asks of the engine: leave to open one more connection to the target now. When it may not yet, it
/// asks again shortly.
using MayConnect = std::function<bool(const Target&)>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Done = std::function<void(std::optional<ServiceSeen>)>;
  /// Takes over a connected socket (fd), or opens a connection of its own (fd < 0). `done` is called once, from the
  /// io_context, unless cancel() came first.
  static std::shared_ptr<Session> start(boost::asio::io_context& io, int fd, const Target& target, Port port,
                                        ServiceConversation conversation, MayConnect may_connect, Done done);
  virtual ~Session() = default;
  /// Closes the connection at once; `done` is not called.
  virtual void cancel() = 0;
};

}  // namespace demarc
