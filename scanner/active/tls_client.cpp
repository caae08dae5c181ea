#include "scanner/active/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>

namespace demarc {

namespace {

constexpr std::size_t kReceivedMax = 512 * 1024;  // of one connection, handshake and all

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

/// No certificate of ours, but a note that one was asked for.
int asked_for_certificate(SSL* ssl, X509**, EVP_PKEY**) {
  if (bool* asked = static_cast<bool*>(SSL_get_app_data(ssl)); asked != nullptr) *asked = true;
  return 0;
}

/// One for the whole program. No configuration file is read: what it forbids is what we may be looking at.
SSL_CTX* shared_context() {
  static const std::unique_ptr<SSL_CTX, FreeContext> context = [] {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    std::unique_ptr<SSL_CTX, FreeContext> made(SSL_CTX_new(TLS_client_method()));
    if (!made) return made;
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_security_level(made.get(), 0);
    SSL_CTX_set_min_proto_version(made.get(), 0);  // the lowest that the library was built with
    SSL_CTX_set_cipher_list(made.get(), "ALL:COMPLEMENTOFDEFAULT:@SECLEVEL=0");
    SSL_CTX_set_options(made.get(), SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET |
                                        SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_client_cert_cb(made.get(), asked_for_certificate);
    return made;
  }();
  return context.get();
}

class OpensslClient final : public TlsClient {
 public:
  explicit OpensslClient(SSL* ssl) : ssl_(ssl) {
    SSL_set_app_data(ssl_.get(), &asked_);
    SSL_set_connect_state(ssl_.get());
  }
  OpensslClient(const OpensslClient&) = delete;
  OpensslClient& operator=(const OpensslClient&) = delete;

  State receive(Bytes arrived, ByteString& plain) override {
    if (state_ == State::failed) return state_;
    received_ += arrived.size();
    if (received_ > kReceivedMax) return state_ = State::failed;
    ERR_clear_error();
    if (!arrived.empty() &&
        BIO_write(SSL_get_rbio(ssl_.get()), arrived.data(), static_cast<int>(arrived.size())) <= 0)
      return state_ = State::failed;
    if (state_ == State::shaking_hands) {
      const int done = SSL_do_handshake(ssl_.get());
      if (done != 1) return wants_more(done) ? state_ : state_ = State::failed;
      state_ = State::open;
    }
    std::uint8_t buffer[4096];
    const std::size_t most = plain.size() + kReplyMax;
    while (plain.size() < most) {
      const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (count <= 0) {
        // An end in order is for the caller to see when the connection closes.
        const int why = SSL_get_error(ssl_.get(), count);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_ZERO_RETURN)
          state_ = State::failed;
        ERR_clear_error();
        break;
      }
      plain.insert(plain.end(), buffer, buffer + count);
    }
    return state_;
  }

  bool send(Bytes plain) override {
    if (state_ != State::open) return false;
    ERR_clear_error();
    return plain.empty() || SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) > 0;
  }

  ByteString take_output() override {
    ByteString out;
    BIO* to_peer = SSL_get_wbio(ssl_.get());
    while (const std::size_t waiting = BIO_ctrl_pending(to_peer)) {
      const std::size_t before = out.size();
      out.resize(before + waiting);
      const int count = BIO_read(to_peer, out.data() + before, static_cast<int>(waiting));
      out.resize(before + static_cast<std::size_t>(std::max(count, 0)));
      if (count <= 0) break;
    }
    return out;
  }

  TlsFacts facts() const override {
    TlsFacts facts;
    const std::string_view version = SSL_get_version(ssl_.get());  // "TLSv1.3", "TLSv1", "SSLv3"
    facts.version = version == "TLSv1" ? "TLS 1.0"
                                       : std::string(version.substr(0, 3)) + " " +
                                             std::string(version.substr(std::min<std::size_t>(4, version.size())));
    facts.cipher = SSL_get_cipher_name(ssl_.get());
    facts.wants_client_certificate = asked_;
    if (const X509* certificate = SSL_get0_peer_certificate(ssl_.get())) {
      unsigned char* der = nullptr;
      const int size = i2d_X509(certificate, &der);
      if (size > 0) facts.certificate.assign(der, der + size);
      OPENSSL_free(der);
    }
    return facts;
  }

 private:
  bool wants_more(int result) {
    const int why = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
  }

  std::unique_ptr<SSL, FreeSsl> ssl_;
  State state_ = State::shaking_hands;
  std::size_t received_ = 0;
  bool asked_ = false;
};

}  // namespace

std::unique_ptr<TlsClient> TlsClient::create() {
  SSL_CTX* context = shared_context();
  std::unique_ptr<SSL, FreeSsl> ssl(context == nullptr ? nullptr : SSL_new(context));
  BIO* from_peer = BIO_new(BIO_s_mem());
  BIO* to_peer = BIO_new(BIO_s_mem());
  if (!ssl || from_peer == nullptr || to_peer == nullptr) {
    BIO_free(from_peer);
    BIO_free(to_peer);
    return nullptr;
  }
  SSL_set_bio(ssl.get(), from_peer, to_peer);  // takes both
  return std::make_unique<OpensslClient>(ssl.release());
}

}  // namespace demarc
