// TLS as a client, over bytes that somebody else carries: for looking at what speaks inside. Nothing is verified,
// and versions and ciphers are accepted that no one should trust, because the question is what is there. The only
// file that knows OpenSSL is tls_client.cpp.
#pragma once

#include <memory>
#include <optional>

#include "probes/app/service_conversation.h"

namespace demarc {

class TlsClient {
 public:
  /// nullptr if the library cannot (no memory).
  static std::unique_ptr<TlsClient> create();
  virtual ~TlsClient() = default;

  enum class State : std::uint8_t { shaking_hands, open, failed };
  /// Begins the handshake, or goes on with it or with the data, after these bytes arrived. What was decrypted is
  /// appended to `plain`, kReplyMax bytes of one call at most.
  virtual State receive(Bytes arrived, ByteString& plain) = 0;
  /// Encrypts once the state is open.
  virtual bool send(Bytes plain) = 0;
  /// What has to go to the peer now.
  virtual ByteString take_output() = 0;
  /// Once the state is open.
  virtual TlsFacts facts() const = 0;
};

}  // namespace demarc
